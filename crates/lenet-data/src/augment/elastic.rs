//! Smooth random fields of displacements, as Simard, Steinkraus & Platt (2003) make
//! them: noise for each pixel, blurred, and stretched.
//!
//! A field for each image would cost more than the rest of an epoch. So a stock of them
//! is made once, and an image takes one for x and one for y, each as it is, turned by
//! 180°, or negated.

use lenet_tensor::Key;

use super::resample::Grid;
use crate::mnist::{PIXELS, SIDE};

/// Fields in stock: a million pairs, sixteen million with their turns and signs.
const FIELDS: usize = 1024;

/// Standard deviation of the blur, in pixels. The paper's.
const SIGMA: f32 = 4.0;

/// Factor of the blurred noise, whose standard deviation comes to 1.4 pixels. The
/// paper's.
const ALPHA: f32 = 34.0;

/// The blur reaches this far, three standard deviations.
const REACH: usize = 12;

/// Rows, and columns, of the noise that a field is made from.
const NOISE: usize = SIDE + 2 * REACH;

/// Displacements in pixels, `[FIELDS, 28, 28]`.
#[derive(Debug)]
pub(super) struct Fields(Vec<f32>);

impl Fields {
    pub(super) fn new(key: &Key) -> Self {
        let (key, weights) = (key.fold_in("fields"), weights());
        let mut fields = Vec::with_capacity(FIELDS * PIXELS);
        for number in 0..FIELDS {
            let key = key.fold_in_index(number as u64);
            let noise = key.uniform(NOISE * NOISE, -1.0, 1.0);
            blur(&noise, &weights, &mut fields);
        }
        Self(fields)
    }

    /// Adds two fields to the places of a grid, chosen by draws in [-1, 1).
    pub(super) fn bend(&self, grid: &mut Grid, [x, y]: [f32; 2]) {
        self.add(&mut grid.x, x);
        self.add(&mut grid.y, y);
    }

    fn add(&self, places: &mut [f32; PIXELS], draw: f32) {
        // A draw has 24 bits: ten choose the field, two its turn and sign.
        let choice = ((draw + 1.0) * 0.5 * (FIELDS * 4) as f32) as usize;
        let (number, turned, negated) = (choice / 4 % FIELDS, choice & 1, choice & 2);
        let field = &self.0[number * PIXELS..(number + 1) * PIXELS];
        let sign = if negated == 0 { 1.0 } else { -1.0 };
        if turned == 0 {
            for (place, by) in places.iter_mut().zip(field) {
                *place += sign * by;
            }
        } else {
            for (place, by) in places.iter_mut().zip(field.iter().rev()) {
                *place += sign * by;
            }
        }
    }
}

/// A Gaussian whose sum is 1, the factor in it: two of them make a blur.
fn weights() -> [f32; 2 * REACH + 1] {
    let bell = |i: usize| (-0.5 * ((i as f32 - REACH as f32) / SIGMA).powi(2)).exp();
    let bells: [f32; 2 * REACH + 1] = std::array::from_fn(bell);
    let sum: f32 = bells.iter().sum();
    bells.map(|bell| bell / sum * ALPHA.sqrt())
}

/// Noise `[NOISE, NOISE]`, blurred along rows and then along columns, appended as
/// `[28, 28]`.
fn blur(noise: &[f32], weights: &[f32; 2 * REACH + 1], out: &mut Vec<f32>) {
    let mut rows = [[0.0; SIDE]; NOISE];
    for (blurred, row) in rows.iter_mut().zip(noise.chunks_exact(NOISE)) {
        for (shift, weight) in weights.iter().enumerate() {
            for (sum, value) in blurred.iter_mut().zip(&row[shift..]) {
                *sum += weight * value;
            }
        }
    }
    for first in 0..SIDE {
        let mut blurred = [0.0; SIDE];
        for (weight, row) in weights.iter().zip(&rows[first..]) {
            for (sum, value) in blurred.iter_mut().zip(row) {
                *sum += weight * value;
            }
        }
        out.extend(blurred);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_is_smooth_and_as_strong_as_the_paper_says() {
        let Fields(fields) = Fields::new(&Key::from_seed(1));
        assert_eq!(fields.len(), FIELDS * PIXELS);
        let squares: f64 = fields.iter().map(|&v| f64::from(v).powi(2)).sum();
        let deviation = (squares / fields.len() as f64).sqrt();
        // Noise of variance 1/3 under a Gaussian of σ: α · √(1/3 / (4πσ²)) = 1.384. A
        // field has some ten independent values, a thousand fields ten thousand: 1 %.
        assert!((deviation - 1.384).abs() < 0.042, "{deviation}");
        // Neighbours differ by σ_field / (σ√2) = 0.245 in the mean square; none by
        // seven times that.
        let rows = fields.chunks_exact(SIDE);
        let steps = rows.flat_map(|row| row.windows(2).map(|pair| (pair[1] - pair[0]).abs()));
        let steepest = steps.fold(0.0, f32::max);
        assert!(steepest < 1.7, "{steepest}");
    }

    #[test]
    fn every_field_turn_and_sign_can_be_drawn() {
        let fields = Fields((0..FIELDS * PIXELS).map(|i| i as f32).collect());
        let mut seen = std::collections::HashSet::new();
        for choice in 0..FIELDS * 4 {
            let draw = (choice as f32 + 0.5) / (FIELDS * 2) as f32 - 1.0;
            let mut places = [0.0; PIXELS];
            fields.add(&mut places, draw);
            seen.insert([places[0].to_bits(), places[1].to_bits()]);
        }
        assert_eq!(seen.len(), FIELDS * 4);
        // The ends of the range stay within.
        for draw in [-1.0, 1.0] {
            fields.add(&mut [0.0; PIXELS], draw);
        }
    }
}
