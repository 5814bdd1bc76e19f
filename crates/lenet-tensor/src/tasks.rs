//! How work over a batch is cut into tasks: by its size alone, never by the number
//! of threads, so that sums over tasks have one order.

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
