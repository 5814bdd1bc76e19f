//! How many floating-point operations the machine does at most.

use std::time::Instant;

use lenet_tensor::testing::fused_products;

/// Fused multiply-adds in registers on every thread, in GFLOP/s.
pub(crate) fn gflops(seconds: f64) -> f64 {
    const PRODUCTS: usize = 10_000_000;
    let threads = rayon::current_num_threads();
    let best = (0..3).map(|_| {
        let (mut rounds, start) = (0, Instant::now());
        while start.elapsed().as_secs_f64() < seconds / 3.0 {
            rayon::broadcast(|_| std::hint::black_box(fused_products(PRODUCTS)));
            rounds += 1;
        }
        (2 * PRODUCTS * threads * rounds) as f64 / start.elapsed().as_secs_f64() / 1e9
    });
    best.fold(0.0, f64::max)
}
