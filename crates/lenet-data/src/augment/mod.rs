//! Training images drawn anew at each visit: shifted, turned, bent.
//!
//! What an image becomes depends on the key, the epoch and the image's place in its
//! split alone, so neither threads nor an interruption change it.

mod elastic;
mod resample;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use lenet_tensor::Key;

use crate::mnist::PIXELS;
use elastic::Fields;
use resample::{Affine, Grid, Source};

/// How images are drawn anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Augment {
    /// By whole pixels, up to two to each side.
    Shift,
    /// Turned up to 12°, scaled and sheared up to 12 %, shifted up to two pixels.
    Affine,
    /// Bent by a smooth field of displacements, after a smaller affine map (Simard,
    /// Steinkraus & Platt 2003, "Best practices for convolutional neural networks
    /// applied to visual document analysis").
    Elastic,
}

impl Augment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Shift, Self::Affine, Self::Elastic];

    fn name(self) -> &'static str {
        match self {
            Self::Shift => "shift",
            Self::Affine => "affine",
            Self::Elastic => "elastic",
        }
    }
}

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Augment {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|augment| augment.name() == name);
        found.ok_or_else(|| {
            format!("unknown augmentation `{name}`: expected none, shift, affine or elastic")
        })
    }
}

/// How far an affine map may go to each side.
#[derive(Clone, Copy, Debug)]
struct Range {
    degrees: f32,
    /// Of the scale, along each axis of its own.
    scale: f32,
    shear: f32,
    /// In pixels.
    shift: f32,
}

const AFFINE: Range = Range {
    degrees: 12.0,
    scale: 0.12,
    shear: 0.12,
    shift: 2.0,
};

/// Beside displacements, which shift and turn as well.
const BESIDE_ELASTIC: Range = Range {
    degrees: 7.5,
    scale: 0.1,
    shear: 0.1,
    shift: 1.5,
};

/// An [`Augment`] made ready.
///
/// ```
/// use lenet_data::{Augment, Augmenter};
/// use lenet_tensor::Key;
///
/// let augmenter = Augmenter::new(Augment::Elastic, Key::from_seed(1));
/// let mut image = [0; 784];
/// image[14 * 28 + 9..14 * 28 + 19].fill(255);
/// let (first, second) = (augmenter.epoch(0), augmenter.epoch(1));
/// assert_eq!(first.apply(&image, 5), first.apply(&image, 5));
/// assert_ne!(first.apply(&image, 5), second.apply(&image, 5));
/// ```
#[derive(Clone, Debug)]
pub struct Augmenter {
    augment: Augment,
    key: Key,
    fields: Option<Arc<Fields>>,
}

impl Augmenter {
    /// Draws by `key`. [`Augment::Elastic`] makes its fields here, which takes some
    /// ten milliseconds; clones share them.
    pub fn new(augment: Augment, key: Key) -> Self {
        let fields = (augment == Augment::Elastic).then(|| Arc::new(Fields::new(&key)));
        Self {
            augment,
            key,
            fields,
        }
    }

    /// The draws of one epoch.
    pub fn epoch(&self, epoch: u64) -> EpochAugmenter<'_> {
        EpochAugmenter {
            augmenter: self,
            key: self.key.fold_in("images").fold_in_index(epoch),
        }
    }
}

/// An [`Augmenter`] in one epoch.
#[derive(Clone, Debug)]
pub struct EpochAugmenter<'a> {
    augmenter: &'a Augmenter,
    key: Key,
}

impl EpochAugmenter<'_> {
    /// `image`: `[28, 28]` bytes, the one at `index` of its split → the same size. What
    /// comes from outside of the image is black; values between pixels are bilinear.
    pub fn apply(&self, image: &[u8; PIXELS], index: usize) -> [u8; PIXELS] {
        let key = self.key.fold_in_index(index as u64);
        let draws: [f32; 8] = key.uniform_array(-1.0, 1.0);
        let [x, y, ..] = draws;
        match (self.augmenter.augment, &self.augmenter.fields) {
            (Augment::Shift, _) => resample::shift(image, [whole(x), whole(y)]),
            (Augment::Affine, _) => {
                let grid = Grid::new(&affine(&AFFINE, &draws));
                Source::new(image).at(&grid)
            }
            (Augment::Elastic, fields) => {
                let mut grid = Grid::new(&affine(&BESIDE_ELASTIC, &draws));
                if let Some(fields) = fields {
                    fields.bend(&mut grid, [draws[6], draws[7]]);
                }
                Source::new(image).at(&grid)
            }
        }
    }
}

/// One of -2, -1, 0, 1 and 2, each equally likely for a draw in [-1, 1).
fn whole(draw: f32) -> isize {
    ((draw * 2.5 + 0.5).floor() as isize).clamp(-2, 2)
}

/// A map within `range`, by draws in [-1, 1).
fn affine(range: &Range, draws: &[f32; 8]) -> Affine {
    let [x, y, turn, shear, wide, high, ..] = *draws;
    Affine {
        radians: (turn * range.degrees).to_radians(),
        shear: shear * range.shear,
        scale: [1.0 + wide * range.scale, 1.0 + high * range.scale],
        shift: [x * range.shift, y * range.shift],
    }
}
