//! Who works on what: how a batch is cut into tasks, by its size alone, so that sums
//! over tasks have one order for any number of threads; and threads that stay awake
//! between tasks.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::Yield;

use crate::grad_mode::{is_grad_enabled, with_grad};

/// Runs `f` on a thread of rayon's pool while the pool's other threads look for work
/// without falling asleep in between.
///
/// A step of training is a dozen tasks of some ten microseconds; waking a thread for
/// each takes as long again. So a training loop belongs in here, and nothing that
/// waits: the other threads keep their cores busy, though they give way to other
/// programs.
///
/// A thread that waits for its part of some other work in the pool may come upon this
/// and stay until `f` is done: keep `f` short where others use the pool, or give it one
/// of its own (`ThreadPool::install`).
///
/// candle has threads of its own for element-wise operations on 65,536 values and more,
/// such as the sum of a gradient at batch 76 of LeNet-5; two sets of threads on as many
/// cores slow each other down. `CANDLE_NUM_THREADS=1` in the environment leaves the
/// cores to these.
///
/// ```
/// let sum: i32 = lenet_tensor::tasks::keep_awake(|| rayon::join(|| 1, || 2).0 + 2);
/// assert_eq!(sum, 3);
/// ```
pub fn keep_awake<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    let (started, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    // The thread that `f` gets may be waiting within someone else's `no_grad`.
    let grad = is_grad_enabled();
    rayon::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let others = rayon::current_num_threads().min(cores) - 1;
        let occupied = Occupied::enter();
        for _ in 0..others {
            scope.spawn(|_| look_for_work(&started, &done));
        }
        // Whoever wakes later than this (its core is busy) is done without: this thread
        // may come upon its task in a wait, and leaves it.
        let deadline = Instant::now() + Duration::from_millis(20);
        while started.load(Ordering::Acquire) < others && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let _done = SetOnDrop(&done);
        let result = with_grad(grad, f);
        drop(occupied);
        result
    })
}

/// Works for others until `done`.
fn look_for_work(started: &AtomicUsize, done: &AtomicBool) {
    /// Looks without a yield to other programs: some twenty microseconds.
    const PATIENCE: u32 = 200;

    started.fetch_add(1, Ordering::AcqRel);
    // Whoever waits for its own tasks must not get stuck in here.
    if Occupied::here() {
        return;
    }
    let _occupied = Occupied::enter();
    let mut looks = 0;
    while !done.load(Ordering::Acquire) {
        match rayon::yield_now() {
            Some(Yield::Executed) => looks = 0,
            _ if looks < PATIENCE => {
                looks += 1;
                std::hint::spin_loop();
            }
            _ => std::thread::yield_now(),
        }
    }
}

thread_local! {
    static OCCUPIED: Cell<bool> = const { Cell::new(false) };
}

/// This thread is within [`keep_awake`] or works for one that is.
struct Occupied(bool);

impl Occupied {
    fn here() -> bool {
        OCCUPIED.get()
    }

    fn enter() -> Self {
        Self(OCCUPIED.replace(true))
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        OCCUPIED.set(self.0);
    }
}

/// Lets the others go, also when the work panics.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Images that one task takes.
///
/// A quarter of the batch, so that two threads still share evenly when one is
/// late; 32 at most, whose working set stays in a core's L2; two at least, which
/// take ten times as long as handing them to another thread.
pub(crate) fn images_a_task(batch: usize) -> usize {
    batch.div_ceil(4).clamp(2, 32)
}

/// Rows of a product that one task takes, when a row costs `products` multiply-adds.
pub(crate) fn rows_a_task(rows: usize, products: usize) -> usize {
    // About ten microseconds of work: a task costs one to two to hand over.
    const PRODUCTS_A_TASK: usize = 1 << 18;
    PRODUCTS_A_TASK
        .div_ceil(products.max(1))
        .next_multiple_of(6)
        .min(rows.max(1))
}

/// Values that a task takes where each is read and written once: a few microseconds
/// of an optimizer's step.
pub(crate) const VALUES_A_TASK: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::no_grad;
    use rayon::prelude::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    }

    fn work() -> usize {
        (0..100)
            .map(|_| (0..64usize).into_par_iter().map(|i| i * i).sum::<usize>())
            .sum()
    }

    #[test]
    fn work_is_done_for_any_number_of_threads_and_within_itself() {
        for threads in [1, 2, 3, 8] {
            let sum = pool(threads).install(|| keep_awake(|| work() + keep_awake(work)));
            assert_eq!(sum, 2 * 100 * 85_344);
        }
    }

    #[test]
    fn several_at_once_share_a_pool() {
        let pool = pool(2);
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..6)
                .map(|_| scope.spawn(|| pool.install(|| keep_awake(work))))
                .collect();
            for run in runs {
                assert_eq!(run.join().unwrap(), 100 * 85_344);
            }
        });
    }

    #[test]
    fn a_panic_comes_through_and_lets_the_others_go() {
        let pool = pool(2);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.install(|| keep_awake(|| panic!("on purpose")))
        }));
        assert!(caught.is_err());
        assert_eq!(pool.install(|| keep_awake(work)), 100 * 85_344);
    }

    #[test]
    fn the_callers_gradients_count_and_not_those_of_the_thread_it_gets() {
        let (asked, ready) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Every thread of the pool waits within `no_grad`, and works meanwhile.
                rayon::broadcast(|_| {
                    no_grad(|| {
                        ready.fetch_add(1, Ordering::AcqRel);
                        while !asked.load(Ordering::Acquire) {
                            rayon::yield_now();
                        }
                    });
                });
            });
            while ready.load(Ordering::Acquire) < rayon::current_num_threads() {
                std::thread::yield_now();
            }
            let enabled = keep_awake(is_grad_enabled);
            let disabled = no_grad(|| keep_awake(is_grad_enabled));
            asked.store(true, Ordering::Release);
            assert!(enabled && !disabled);
        });
    }

    #[test]
    fn tasks_depend_on_sizes_alone() {
        assert_eq!(
            [0, 1, 4, 8, 64, 1000].map(images_a_task),
            [2, 2, 2, 2, 16, 32]
        );
        assert_eq!(rows_a_task(64, 30_720), 12);
        assert_eq!((rows_a_task(4, 840), rows_a_task(0, 0)), (4, 1));
    }
}
