//! Whole numbers within bounds, as flags take them.

/// From `LOW` to `HIGH`.
pub(super) fn within<const LOW: usize, const HIGH: usize>(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number) if (LOW..=HIGH).contains(&number) => Ok(number),
        _ => Err(format!("expected a number from {LOW} to {HIGH}")),
    }
}

/// Threads that a machine may have.
pub(crate) fn threads(text: &str) -> Result<usize, String> {
    within::<1, 1024>(text)
}
