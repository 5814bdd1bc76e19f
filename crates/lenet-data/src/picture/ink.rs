//! Which pixels are the digit's.

use super::CONTRAST;
use super::plane::{Plane, Window};

/// A digit: how much ink each pixel of a picture has, from 0 to 1, and where it is.
#[derive(Debug)]
pub(super) struct Ink {
    /// 0 wherever there is no digit.
    pub(super) amount: Plane,
    /// The pixels that are more ink than paper.
    pub(super) mask: Vec<bool>,
    /// Around the mask.
    pub(super) window: Window,
}

/// Standard deviations of the paper's noise that ink must stand out by.
const NOISE: f32 = 4.0;

/// A patch shorter than the picture's longer side over this is a speck.
const SPECK: usize = 40;

/// The digit in a picture whose paper is about 0 and whose ink is above; none where
/// nothing stands out.
pub(super) fn of(levels: &Plane) -> Option<Ink> {
    let (width, height) = (levels.width, levels.height);
    let longer = width.max(height);
    // Noise is averaged where strokes have pixels to spare.
    let smooth = levels.clone().blurred(usize::from(longer >= 200));
    let (paper, noise, threshold) = threshold(&smooth.values)?;
    let mask: Vec<bool> = smooth.values.iter().map(|&v| v > threshold).collect();
    let found = chosen(patches(width, height, &mask), longer)?;
    let mut mask = vec![false; width * height];
    for &at in found.iter().flat_map(|patch| &patch.pixels) {
        mask[at] = true;
    }
    let window = found
        .iter()
        .map(|patch| patch.window.clone())
        .reduce(|a, b| a.with(&b))?;
    // The middle of what is ink for sure is ink in full: NIST's digits, of which MNIST
    // is made, were black or white. (The mask of a hairline is smoothed paper for most.)
    let inked = mask.iter().zip(&levels.values);
    let inked = inked.filter_map(|(&is, &v)| (is && v > threshold).then_some(v));
    let ink = median(inked.collect())?;
    if ink - paper < CONTRAST {
        return None;
    }
    let floor = paper + (2.0 * noise).min(0.3 * (ink - paper));
    // The soft edge of a stroke is ink, too: up to one pixel of the result.
    let edge = window.longer().div_ceil(20);
    let near = grown(&mask, width, height, &window, edge);
    let values = near.iter().zip(&levels.values);
    let amount = values.map(|(&is, &v)| match is {
        true => ((v - floor) / (ink - floor)).clamp(0.0, 1.0),
        false => 0.0,
    });
    Some(Ink {
        amount: Plane {
            width,
            height,
            values: amount.collect(),
        },
        mask,
        window,
    })
}

/// The paper's level, its noise as a standard deviation, and the level from which on a
/// pixel is ink.
fn threshold(values: &[f32]) -> Option<(f32, f32, f32)> {
    let threshold = otsu(values)?;
    let mut below = kept(values, |v| v <= threshold);
    let paper = median(below.clone())?;
    below.iter_mut().for_each(|v| *v = (*v - paper).abs());
    // Of a normal distribution the median deviation is 0.6745 standard deviations.
    let noise = median(below)? / 0.6745;
    let threshold = threshold
        .max(paper + NOISE * noise)
        .max(paper + CONTRAST / 2.0);
    Some((paper, noise, threshold))
}

/// The threshold that parts values into two classes with the most variance between them
/// (N. Otsu, *A threshold selection method from gray-level histograms*, 1979); none if
/// all are about the same.
pub(super) fn otsu(values: &[f32]) -> Option<f32> {
    const BINS: usize = 256;
    let [low, high] = range(values);
    if high - low < CONTRAST {
        return None;
    }
    let step = (high - low) / BINS as f32;
    let counts = counted::<BINS>(values, |value| (value - low) / step);
    let all = values.len() as f64;
    let total: f64 = counts
        .iter()
        .enumerate()
        .map(|(i, &n)| i as f64 * f64::from(n))
        .sum();
    let (mut below, mut sum) = (0.0, 0.0);
    let (mut best, mut at) = (-1.0, 0);
    for (i, &n) in counts.iter().enumerate().take(BINS - 1) {
        below += f64::from(n);
        sum += i as f64 * f64::from(n);
        if below > 0.0 && below < all {
            let apart = sum / below - (total - sum) / (all - below);
            let between = below * (all - below) * apart * apart;
            if between > best {
                (best, at) = (between, i);
            }
        }
    }
    Some(low + (at + 1) as f32 * step)
}

/// Pixels that hang together, over edges and corners.
#[derive(Debug)]
pub(super) struct Patch {
    pub(super) pixels: Vec<usize>,
    pub(super) window: Window,
    /// How many of its pixels lie on the picture's left, right, upper and lower edge, as
    /// a share of that edge, the greatest of the four.
    along_edge: f32,
}

impl Patch {
    pub(super) fn area(&self) -> usize {
        self.pixels.len()
    }

    pub(super) fn touches_edge(&self) -> bool {
        self.along_edge > 0.0
    }

    /// Lies along an edge of the picture, as the edge of a sheet or a shadow does.
    fn is_frame(&self) -> bool {
        self.along_edge >= 0.4
    }
}

/// The patches of a mask, in the order of their first pixels.
pub(super) fn patches(width: usize, height: usize, mask: &[bool]) -> Vec<Patch> {
    let mut left = mask.to_vec();
    let mut patches = Vec::new();
    let mut from = 0;
    while let Some(start) = next(&left, from) {
        from = start + 1;
        left[start] = false;
        let mut pixels = vec![start];
        let mut done = 0;
        let (mut x_ends, mut y_ends) = ((usize::MAX, 0), (usize::MAX, 0));
        let mut edges = [0usize; 4];
        while let Some(&at) = pixels.get(done) {
            done += 1;
            let (x, y) = (at % width, at / width);
            let (x0, x1) = (x.saturating_sub(1), (x + 2).min(width));
            for y in y.saturating_sub(1)..(y + 2).min(height) {
                let row = &mut left[y * width + x0..y * width + x1];
                for (i, is) in row.iter_mut().enumerate() {
                    if std::mem::take(is) {
                        pixels.push(y * width + x0 + i);
                    }
                }
            }
            x_ends = (x_ends.0.min(x), x_ends.1.max(x + 1));
            y_ends = (y_ends.0.min(y), y_ends.1.max(y + 1));
            let on = [x == 0, x + 1 == width, y == 0, y + 1 == height];
            for (count, on) in edges.iter_mut().zip(on) {
                *count += usize::from(on);
            }
        }
        let sides = [height, height, width, width];
        let shares = edges
            .iter()
            .zip(sides)
            .map(|(&n, side)| n as f32 / side as f32);
        patches.push(Patch {
            pixels,
            window: Window {
                x: x_ends.0..x_ends.1,
                y: y_ends.0..y_ends.1,
            },
            along_edge: shares.fold(0.0, f32::max),
        });
    }
    patches
}

/// Where the mask is set next, `from` on: whole chunks of paper are skipped.
fn next(mask: &[bool], from: usize) -> Option<usize> {
    const CHUNK: usize = 64;
    let mut at = from;
    for chunk in mask.get(from..)?.chunks(CHUNK) {
        if chunk.iter().fold(false, |any, &is| any | is) {
            return chunk.iter().position(|&is| is).map(|i| at + i);
        }
        at += chunk.len();
    }
    None
}

/// The digit's patches: the largest, and those close to it that are no specks (a 5 whose
/// bar is apart, a stroke that broke). What touches the picture's edge counts less, and
/// what lies along it only where there is nothing else.
fn chosen(mut patches: Vec<Patch>, longer: usize) -> Option<Vec<Patch>> {
    let least = (longer / SPECK).max(4);
    let rank = |patch: &Patch| {
        let share = if patch.touches_edge() { 1 } else { 4 };
        (!patch.is_frame(), share * patch.area())
    };
    let main = (0..patches.len())
        .filter(|&i| patches[i].window.longer() >= least)
        .max_by_key(|&i| rank(&patches[i]))?;
    let main = patches.swap_remove(main);
    let reach = main
        .window
        .grown(main.window.longer() / 4, usize::MAX / 2, usize::MAX / 2);
    let close = |w: &Window| {
        w.x.start < reach.x.end
            && reach.x.start < w.x.end
            && w.y.start < reach.y.end
            && reach.y.start < w.y.end
    };
    patches.retain(|patch| {
        let cut_off = patch.touches_edge() && !main.touches_edge();
        50 * patch.area() >= main.area() && !cut_off && !patch.is_frame() && close(&patch.window)
    });
    patches.push(main);
    Some(patches)
}

/// The mask with all pixels within a square of `radius` around its own.
fn grown(mask: &[bool], width: usize, height: usize, around: &Window, radius: usize) -> Vec<bool> {
    let window = around.grown(radius, width, height);
    let values = mask.iter().map(|&is| f32::from(u8::from(is)));
    let all = Plane {
        width,
        height,
        values: values.collect(),
    };
    let part = all.cut(window.clone());
    let part = part.filtered(radius, 0.0, f32::max);
    let mut grown = vec![false; width * height];
    for (row, values) in window.y.zip(part.values.chunks_exact(part.width)) {
        for (column, &value) in window.x.clone().zip(values) {
            grown[row * width + column] = value > 0.0;
        }
    }
    grown
}

/// The values that `keep` picks, in their order.
fn kept(values: &[f32], keep: impl Fn(f32) -> bool) -> Vec<f32> {
    // Each is written, and the place moves on from those that stay: nothing to foresee.
    let (mut kept, mut count) = (vec![0.0; values.len()], 0);
    for &value in values {
        kept[count] = value;
        count += usize::from(keep(value));
    }
    kept.truncate(count);
    kept
}

/// The value in the middle, the upper of two.
pub(super) fn median(mut values: Vec<f32>) -> Option<f32> {
    const SHARE: usize = 61;
    let mut middle = values.len() / 2;
    // The middle of a few is close to that of all: what lies around it by four standard
    // deviations of its rank holds that, or else all are looked at.
    let few = values.iter().copied().step_by(SHARE);
    let mut few: Vec<f32> = few.collect();
    if few.len() > SHARE {
        few.sort_unstable_by(f32::total_cmp);
        let reach = 2 * few.len().isqrt();
        let (low, high) = (few[few.len() / 2 - reach], few[few.len() / 2 + reach]);
        let below = values.iter().filter(|value| **value < low).count();
        let around = kept(&values, |value| (value >= low) & (value <= high));
        if (below..below + around.len()).contains(&middle) {
            middle -= below;
            values = around;
        }
    }
    (middle < values.len()).then(|| *values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

/// The smallest and the largest value.
fn range(values: &[f32]) -> [f32; 2] {
    // Eight at a time: one alone would wait for the one before it.
    let (mut low, mut high) = ([f32::MAX; 8], [f32::MIN; 8]);
    let chunks = values.chunks_exact(8);
    for (i, &value) in chunks.remainder().iter().enumerate() {
        (low[i], high[i]) = (value, value);
    }
    for chunk in chunks {
        for i in 0..8 {
            low[i] = if chunk[i] < low[i] { chunk[i] } else { low[i] };
            high[i] = if chunk[i] > high[i] {
                chunk[i]
            } else {
                high[i]
            };
        }
    }
    let low = low.into_iter().fold(f32::MAX, f32::min);
    [low, high.into_iter().fold(f32::MIN, f32::max)]
}

/// How many values lie in each bin; `place` says where, from 0 up to `BINS`.
fn counted<const BINS: usize>(values: &[f32], place: impl Fn(f32) -> f32) -> [u32; BINS] {
    // Neighbours are alike: counted in the same place, each would wait for the one before.
    let mut counts = [[0u32; BINS]; 4];
    let bin = |value: f32| (place(value) as u32 as usize).min(BINS - 1);
    let mut chunks = values.chunks_exact(4);
    for chunk in &mut chunks {
        for (counts, &value) in counts.iter_mut().zip(chunk) {
            counts[bin(value)] += 1;
        }
    }
    for &value in chunks.remainder() {
        counts[0][bin(value)] += 1;
    }
    let [mut all, rest @ ..] = counts;
    for counts in rest {
        let pairs = all.iter_mut().zip(counts);
        pairs.for_each(|(all, count)| *all += count);
    }
    all
}
