//! A grey picture as f32, and its windows at other sizes.

use std::ops::Range;

/// `height` rows of `width` values.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
}

/// A rectangle of whole pixels, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) x: Range<usize>,
    pub(super) y: Range<usize>,
}

impl Window {
    pub(super) fn longer(&self) -> usize {
        self.x.len().max(self.y.len())
    }

    /// Larger by `by` pixels on each side, within a picture of that size.
    pub(super) fn grown(&self, by: usize, width: usize, height: usize) -> Self {
        let wider = |range: &Range<usize>, end: usize| {
            range.start.saturating_sub(by)..(range.end + by).min(end)
        };
        Self {
            x: wider(&self.x, width),
            y: wider(&self.y, height),
        }
    }

    /// The smallest that has both.
    pub(super) fn with(&self, other: &Self) -> Self {
        let both = |a: &Range<usize>, b: &Range<usize>| a.start.min(b.start)..a.end.max(b.end);
        Self {
            x: both(&self.x, &other.x),
            y: both(&self.y, &other.y),
        }
    }
}

/// What lies outside a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outside {
    /// Nothing: an average is one over what there is.
    Nothing,
    /// Zeros.
    Zero,
}

/// Equally spaced places along one axis of a picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// Where the first pixel of the result begins, in pixels of the source.
    pub(super) start: f32,
    /// Pixels of the source to one of the result.
    pub(super) step: f32,
    /// Pixels of the result.
    pub(super) count: usize,
}

impl Axis {
    /// The whole of a side, in so many pixels.
    fn whole(length: usize, count: usize) -> Self {
        let step = length as f32 / count as f32;
        Self {
            start: 0.0,
            step,
            count,
        }
    }

    /// For each pixel of the result the first pixel of the source and the weights from
    /// there on: the share of each in the area. An area is never smaller than a pixel,
    /// so enlarging interpolates linearly.
    fn taps(&self, length: usize, outside: Outside) -> Vec<(usize, Vec<f32>)> {
        let half = self.step.max(1.0) / 2.0;
        let tap = |i: usize| {
            let centre = self.start + (i as f32 + 0.5) * self.step;
            let (low, high) = ((centre - half).max(0.0), (centre + half).min(length as f32));
            let first = (low as usize).min(length - 1);
            let last = (high.ceil().max(0.0) as usize).clamp(first + 1, length);
            let share = |at: usize| (high.min((at + 1) as f32) - low.max(at as f32)).max(0.0);
            let mut weights: Vec<f32> = (first..last).map(share).collect();
            let area = match outside {
                Outside::Nothing => weights.iter().sum::<f32>(),
                Outside::Zero => 2.0 * half,
            };
            if area > 0.0 {
                weights.iter_mut().for_each(|weight| *weight /= area);
            }
            (first, weights)
        };
        (0..self.count).map(tap).collect()
    }
}

impl Plane {
    /// A picture of bytes, shrunk so that its longer side is at most `longest`.
    pub(super) fn shrunk(width: usize, height: usize, bytes: &[u8], longest: usize) -> Self {
        let (w, h) = fitted(width, height, longest);
        if (w, h) == (width, height) {
            let values = bytes.iter().map(|&byte| f32::from(byte)).collect();
            return Self {
                width,
                height,
                values,
            };
        }
        let axes = [Axis::whole(width, w), Axis::whole(height, h)];
        sampled(width, height, axes, Outside::Nothing, |at| {
            f32::from(bytes[at])
        })
    }

    /// All of it in another size.
    pub(super) fn resized(&self, width: usize, height: usize) -> Self {
        let axes = [
            Axis::whole(self.width, width),
            Axis::whole(self.height, height),
        ];
        self.sampled(axes, Outside::Nothing)
    }

    /// Its longer side at most `longest`.
    pub(super) fn thumbnail(&self, longest: usize) -> Self {
        let (width, height) = fitted(self.width, self.height, longest);
        self.resized(width, height)
    }

    /// Read at these places, along x and along y.
    pub(super) fn sampled(&self, axes: [Axis; 2], outside: Outside) -> Self {
        sampled(self.width, self.height, axes, outside, |at| self.values[at])
    }

    /// One rectangle of it.
    pub(super) fn cut(&self, window: Window) -> Self {
        let rows = window.y.clone().map(|y| &self.values[y * self.width..]);
        Self {
            width: window.x.len(),
            height: window.y.len(),
            values: rows
                .flat_map(|row| &row[window.x.clone()])
                .copied()
                .collect(),
        }
    }

    pub(super) fn map(mut self, mut f: impl FnMut(f32) -> f32) -> Self {
        self.values.iter_mut().for_each(|value| *value = f(*value));
        self
    }

    /// Value by value; both must have the same size.
    pub(super) fn minus(mut self, other: &Self) -> Self {
        let pairs = self.values.iter_mut().zip(&other.values);
        pairs.for_each(|(value, other)| *value -= other);
        self
    }

    /// Each value joined with those of its row within `radius`, then of its column, from
    /// `start` on: a separable filter over a square.
    pub(super) fn filtered(
        self,
        radius: usize,
        start: f32,
        join: impl Fn(f32, f32) -> f32,
    ) -> Self {
        let rows = self.along_rows(radius, start, &join);
        rows.along_columns(radius, start, &join)
    }

    /// The mean over a square, or over what there is of it.
    pub(super) fn blurred(self, radius: usize) -> Self {
        if radius == 0 {
            return self;
        }
        let add = |a, b| a + b;
        let counts = |length: usize| -> Vec<f32> {
            let count = |i: usize| near(i, radius, length).len() as f32;
            (0..length).map(count).collect()
        };
        let mut rows = self.along_rows(radius, 0.0, &add);
        let across = counts(self.width);
        for row in rows.values.chunks_exact_mut(self.width) {
            let terms = row.iter_mut().zip(&across);
            terms.for_each(|(sum, count)| *sum /= count);
        }
        let mut means = rows.along_columns(radius, 0.0, &add);
        let lines = means.values.chunks_exact_mut(self.width);
        for (row, count) in lines.zip(counts(self.height)) {
            row.iter_mut().for_each(|sum| *sum /= count);
        }
        means
    }

    /// All values of a row move by one place at a time: no value waits for its neighbour.
    fn along_rows(&self, radius: usize, start: f32, join: &impl Fn(f32, f32) -> f32) -> Self {
        let width = self.width;
        let mut values = vec![start; self.values.len()];
        let rows = values.chunks_exact_mut(width);
        for (to, from) in rows.zip(self.values.chunks_exact(width)) {
            for back in (1..=radius.min(width - 1)).rev() {
                joined(&mut to[back..], &from[..width - back], join);
            }
            for on in 0..=radius.min(width - 1) {
                joined(&mut to[..width - on], &from[on..], join);
            }
        }
        Self { values, ..*self }
    }

    fn along_columns(&self, radius: usize, start: f32, join: &impl Fn(f32, f32) -> f32) -> Self {
        let mut values = vec![start; self.values.len()];
        for (y, to) in values.chunks_exact_mut(self.width).enumerate() {
            for row in near(y, radius, self.height) {
                joined(to, &self.values[row * self.width..], join);
            }
        }
        Self { values, ..*self }
    }
}

/// The places within `radius` of `i` along a line.
fn near(i: usize, radius: usize, length: usize) -> Range<usize> {
    i.saturating_sub(radius)..(i + radius + 1).min(length)
}

fn joined(to: &mut [f32], from: &[f32], join: &impl Fn(f32, f32) -> f32) {
    let pairs = to.iter_mut().zip(from);
    pairs.for_each(|(to, &from)| *to = join(*to, from));
}

/// The places of the outermost pixels, each once.
pub(super) fn border(width: usize, height: usize) -> impl Iterator<Item = usize> {
    (0..height).flat_map(move |y| {
        let is_inner = y > 0 && y + 1 < height;
        let step = if is_inner { width - 1 } else { 1 };
        (y * width..(y + 1) * width).step_by(step.max(1))
    })
}

fn fitted(width: usize, height: usize, longest: usize) -> (usize, usize) {
    let longer = width.max(height);
    if longer <= longest {
        return (width, height);
    }
    let fit = |side: usize| (side * longest).div_ceil(longer);
    (fit(width), fit(height))
}

/// Columns first, so that what is kept between is no larger than the result's width; a
/// row that the next of the result needs, too, is kept.
fn sampled(
    width: usize,
    height: usize,
    [across, down]: [Axis; 2],
    outside: Outside,
    at: impl Fn(usize) -> f32,
) -> Plane {
    let columns = across.taps(width, outside);
    let row = |y: usize, values: &mut [f32]| {
        for (value, (first, weights)) in values.iter_mut().zip(&columns) {
            let from = y * width + first;
            let terms = weights.iter().enumerate();
            *value = terms.map(|(i, weight)| weight * at(from + i)).sum();
        }
    };
    let mut values = vec![0.0; across.count * down.count];
    // An area of a pixel's height lies on two rows, and rounding may add a third.
    let mut kept = [(); 3].map(|()| (usize::MAX, vec![0.0; across.count]));
    let rows = values.chunks_exact_mut(across.count);
    for (sums, (first, weights)) in rows.zip(down.taps(height, outside)) {
        for (i, weight) in weights.into_iter().enumerate() {
            let y = first + i;
            let (is, line) = &mut kept[y % 3];
            if *is != y {
                row(y, line);
                *is = y;
            }
            let terms = sums.iter_mut().zip(&*line);
            terms.for_each(|(sum, value)| *sum += weight * value);
        }
    }
    Plane {
        width: across.count,
        height: down.count,
        values,
    }
}
