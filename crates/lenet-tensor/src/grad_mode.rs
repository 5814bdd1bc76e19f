//! Gradients on or off, as PyTorch's `no_grad`: a thread's own switch, read at
//! the point where parameters are read and where our operations are recorded.
//!
//! This is not evaluation mode. No-grad decides whether a graph is kept, the
//! `train` flag of `forward_t` what Dropout and BatchNorm do; each can be set
//! without the other.
//!
//! ```
//! use candle_core::{Device, Var};
//! use lenet_tensor::{no_grad, relu::relu};
//!
//! let x = Var::new(&[-1f32, 2.], &Device::Cpu)?;
//! assert!(relu(&x)?.track_op());
//! assert!(!no_grad(|| relu(&x))?.track_op());
//! # candle_core::Result::Ok(())
//! ```

use std::cell::Cell;

use candle_core::Tensor;

thread_local! {
    static ENABLED: Cell<bool> = const { Cell::new(true) };
}

/// Whether this thread records a graph.
pub fn is_grad_enabled() -> bool {
    ENABLED.get()
}

/// Runs `f` without recording a graph. Scopes nest, and a panic in `f` leaves
/// the switch as it was.
pub fn no_grad<T>(f: impl FnOnce() -> T) -> T {
    with_grad(false, f)
}

/// Runs `f` with the switch as given, for instance as it stands on another thread.
pub(crate) fn with_grad<T>(enabled: bool, f: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            ENABLED.set(self.0);
        }
    }
    let _restore = Restore(ENABLED.replace(enabled));
    f()
}

/// The tensor as a layer should use it: itself, or within [`no_grad`] a view of
/// the same values that no graph hangs on.
pub fn read(parameter: &Tensor) -> Tensor {
    if is_grad_enabled() {
        parameter.clone()
    } else {
        parameter.detach()
    }
}

/// Whether an operation over these tensors has to remember what its backward
/// needs.
pub(crate) fn records(inputs: &[&Tensor]) -> bool {
    is_grad_enabled() && inputs.iter().any(|x| x.track_op())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn scopes_nest_and_survive_a_panic() {
        assert!(is_grad_enabled());
        no_grad(|| {
            no_grad(|| assert!(!is_grad_enabled()));
            assert!(!is_grad_enabled());
        });
        let caught = std::panic::catch_unwind(|| no_grad(|| panic!("on purpose")));
        assert!(caught.is_err() && is_grad_enabled());
    }

    #[test]
    fn a_read_parameter_shares_its_values() {
        let var = Var::new(&[1f32, 2.], &Device::Cpu).unwrap();
        let detached = no_grad(|| read(&var));
        assert!(!detached.track_op() && read(&var).track_op());
        var.set(&Tensor::new(&[3f32, 4.], &Device::Cpu).unwrap())
            .unwrap();
        assert_eq!(detached.to_vec1::<f32>().unwrap(), [3., 4.]);
    }

    #[test]
    fn other_threads_are_not_switched() {
        no_grad(|| {
            std::thread::scope(|s| {
                s.spawn(|| assert!(is_grad_enabled()));
            });
        });
    }
}
