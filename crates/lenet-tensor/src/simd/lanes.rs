//! Slices read and written eight values at a time, from any start, at the cost of
//! one comparison.
#![expect(
    unsafe_code,
    reason = "a start that was compared with the last possible one is in bounds"
)]

use super::{LANES, Simd};

/// A slice to read.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<'a> {
    values: &'a [f32],
    /// How many starts have eight values behind them.
    starts: usize,
}

impl<'a> Lanes<'a> {
    pub(crate) fn new(values: &'a [f32]) -> Self {
        Self {
            values,
            starts: (values.len() + 1).saturating_sub(LANES),
        }
    }

    /// The eight values from `start`.
    #[inline(always)]
    pub(crate) fn eight(self, start: usize) -> &'a [f32; LANES] {
        check(start, self.starts);
        // SAFETY: `start < starts`, so `start + LANES <= values.len()`.
        unsafe { &*self.values.as_ptr().add(start).cast() }
    }

    /// The [`Simd::WIDE`] values from `start`.
    #[inline(always)]
    pub(crate) fn load_wide<S: Simd>(self, simd: S, start: usize) -> S::W {
        check(start, self.starts.saturating_sub(S::WIDE - LANES));
        // SAFETY: `start < starts - (WIDE - LANES)`, so `start + WIDE <= values.len()`.
        simd.load_wide(unsafe {
            std::slice::from_raw_parts(self.values.as_ptr().add(start), S::WIDE)
        })
    }
}

/// A slice to change.
pub(crate) struct LanesMut<'a> {
    values: &'a mut [f32],
    starts: usize,
}

impl<'a> LanesMut<'a> {
    pub(crate) fn new(values: &'a mut [f32]) -> Self {
        let starts = Lanes::new(values).starts;
        Self { values, starts }
    }

    #[inline(always)]
    fn shared(&self) -> Lanes<'_> {
        Lanes {
            values: self.values,
            starts: self.starts,
        }
    }

    /// The [`Simd::WIDE`] values from `start`.
    #[inline(always)]
    pub(crate) fn load_wide<S: Simd>(&self, simd: S, start: usize) -> S::W {
        self.shared().load_wide(simd, start)
    }

    /// Sets the [`Simd::WIDE`] values from `start`.
    #[inline(always)]
    pub(crate) fn store_wide<S: Simd>(&mut self, simd: S, v: S::W, start: usize) {
        check(start, self.starts.saturating_sub(S::WIDE - LANES));
        // SAFETY: `start < starts - (WIDE - LANES)`, so `start + WIDE <= values.len()`;
        // the reference is as unique as `self`.
        let to =
            unsafe { std::slice::from_raw_parts_mut(self.values.as_mut_ptr().add(start), S::WIDE) };
        simd.store_wide(v, to);
    }
}

#[inline(always)]
fn check(start: usize, starts: usize) {
    if start >= starts {
        out_of_bounds(start, starts);
    }
}

#[cold]
#[inline(never)]
fn out_of_bounds(start: usize, starts: usize) -> ! {
    panic!("eight values from {start}: only starts below {starts} have as many")
}
