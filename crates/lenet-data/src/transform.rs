//! From a byte to the f32 that a network sees.
//!
//! A byte has only 256 values, so each value is worked out once, in a table,
//! and a pixel is a look-up.

use crate::error::{Error, Result};
use crate::mnist::{PIXELS, SIDE};

/// Mean and standard deviation that are taken out of pixels in `[0, 1]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalize {
    /// The mean.
    pub mean: f64,
    /// The standard deviation; not 0.
    pub std: f64,
}

impl Normalize {
    /// The customary values of MNIST.
    pub const MNIST: Self = Self {
        mean: 0.1307,
        std: 0.3081,
    };
    /// The customary values of Fashion-MNIST.
    pub const FASHION_MNIST: Self = Self {
        mean: 0.2860,
        std: 0.3530,
    };

    /// Mean and (population) standard deviation of `images`, as pixels in
    /// `[0, 1]`. Images of one colour, or none at all, keep their scale: `std`
    /// is 1 there.
    pub fn of(images: &[u8]) -> Self {
        // A pixel squared is below 2^16: whole sums, exact for 2^48 pixels.
        let (mut sum, mut squares) = (0u64, 0u64);
        for &pixel in images {
            sum += u64::from(pixel);
            squares += u64::from(pixel) * u64::from(pixel);
        }
        let n = images.len().max(1) as f64;
        let mean = sum as f64 / n;
        let variance = squares as f64 / n - mean * mean;
        let is_flat = images.windows(2).all(|pair| pair[0] == pair[1]);
        let std = if is_flat {
            1.0
        } else {
            variance.sqrt() / 255.0
        };
        Self {
            mean: mean / 255.0,
            std,
        }
    }
}

/// What is done to an image's bytes: torchvision's `Pad(padding)`, `ToTensor()`
/// and `Normalize(mean, std)`, in that order and to the same bits.
///
/// ```
/// use lenet_data::{Normalize, Transform};
///
/// let plain = Transform::default().apply(&[51; 784])?;
/// assert_eq!(plain, [0.2; 784]);
///
/// let normalize = Some(Normalize { mean: 0.1307, std: 0.3081 });
/// let padded = Transform { normalize, padding: 2 }.apply(&[255; 784])?;
/// assert_eq!(padded.len(), 32 * 32);
/// # Ok::<(), lenet_data::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transform {
    /// Taken out of the pixels in `[0, 1]`; `None` leaves them there.
    pub normalize: Option<Normalize>,
    /// Black pixels added on each of the four sides: 2 makes 28×28 into 32×32.
    pub padding: usize,
}

impl Transform {
    /// Rows, and columns, of an image that went through.
    pub fn side(&self) -> usize {
        SIDE + 2 * self.padding
    }

    /// `images`: `[n, 28, 28]` bytes → `[n, side, side]` values.
    ///
    /// # Errors
    /// [`Error::Pixels`] for bytes that are not whole images.
    pub fn apply(&self, images: &[u8]) -> Result<Vec<f32>> {
        if !images.len().is_multiple_of(PIXELS) {
            return Err(Error::Pixels {
                bytes: images.len(),
            });
        }
        let table = Table::new(*self);
        let mut out = Vec::new();
        for image in images.chunks_exact(PIXELS) {
            table.push(image, &mut out);
        }
        Ok(out)
    }
}

/// A [`Transform`] made ready.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    values: [f32; 256],
    transform: Transform,
}

impl Table {
    pub(crate) fn new(transform: Transform) -> Self {
        // In f32, as torchvision: the same operations on the same type.
        let values = std::array::from_fn(|byte| {
            let pixel = byte as f32 / 255.0;
            match transform.normalize {
                Some(Normalize { mean, std }) => (pixel - mean as f32) / std as f32,
                None => pixel,
            }
        });
        Self { values, transform }
    }

    pub(crate) fn side(&self) -> usize {
        self.transform.side()
    }

    /// Appends one `image`, `[28, 28]` → `[side, side]`.
    pub(crate) fn push(&self, image: &[u8], out: &mut Vec<f32>) {
        let (padding, black) = (self.transform.padding, self.values[0]);
        if padding == 0 {
            out.extend(image.iter().map(|&pixel| self.values[usize::from(pixel)]));
            return;
        }
        let end = out.len() + self.side() * self.side();
        out.resize(out.len() + padding * self.side(), black);
        for row in image.chunks_exact(SIDE) {
            out.resize(out.len() + padding, black);
            out.extend(row.iter().map(|&pixel| self.values[usize::from(pixel)]));
            out.resize(out.len() + padding, black);
        }
        out.resize(end, black);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mean_and_deviation_are_those_of_the_definition() {
        let Normalize { mean, std } = Normalize::of(&[0, 51, 102, 255]);
        // 0, 0.2, 0.4 and 1: mean 0.4, variance (0.16 + 0.04 + 0 + 0.36) / 4.
        // A few roundings of f64, each 1.1e-16, separate the two ways.
        assert!((mean - 0.4).abs() < 1e-15 && (std - 0.14f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn images_of_one_colour_keep_their_scale() {
        // 77 · 77 and the mean squared may differ in the last bit: still flat.
        assert_eq!(
            Normalize::of(&[77; 3 * PIXELS]),
            Normalize {
                mean: 77.0 / 255.0,
                std: 1.0
            }
        );
        assert_eq!(
            Normalize::of(&[]),
            Normalize {
                mean: 0.0,
                std: 1.0
            }
        );
    }

    #[test]
    fn the_values_are_torchvisions() {
        // Black and white as they are printed wherever torchvision's
        // Normalize((0.1307,), (0.3081,)) is shown.
        let normalize = Some(Normalize {
            mean: 0.1307,
            std: 0.3081,
        });
        let table = Table::new(Transform {
            normalize,
            padding: 0,
        });
        // Half a unit of the fourth decimal printed.
        assert!((table.values[0] - -0.4242).abs() < 5e-5);
        assert!((table.values[255] - 2.8215).abs() < 5e-5);
    }

    #[test]
    fn half_an_image_is_refused() {
        let error = Transform::default().apply(&[0; 800]).unwrap_err();
        assert!(matches!(error, Error::Pixels { bytes: 800 }));
    }

    proptest! {
        #[test]
        fn each_value_is_plain_arithmetic(
            images in (0usize..3).prop_flat_map(|n| prop::collection::vec(any::<u8>(), n * PIXELS)),
            mean in 0.0..1.0f64,
            std in 0.1..1.0f64,
            is_normalized: bool,
            padding in 0usize..4,
        ) {
            let normalize = is_normalized.then_some(Normalize { mean, std });
            let transform = Transform { normalize, padding };
            let out = transform.apply(&images).unwrap();
            let side = 28 + 2 * padding;
            prop_assert_eq!(transform.side(), side);
            prop_assert_eq!(out.len(), images.len() / PIXELS * side * side);
            for (at, &value) in out.iter().enumerate() {
                let (n, y, x) = (at / (side * side), at / side % side, at % side);
                let inside = (padding..padding + 28).contains(&y) && (padding..padding + 28).contains(&x);
                let byte = if inside { images[n * PIXELS + (y - padding) * 28 + x - padding] } else { 0 };
                let mut expected = f32::from(byte) / 255.0;
                if is_normalized {
                    expected = (expected - mean as f32) / std as f32;
                }
                prop_assert_eq!(value.to_bits(), expected.to_bits(), "at {} {} {}", n, y, x);
            }
        }
    }
}
