//! Any grey picture of one digit as MNIST would have it: 28×28 bytes, white on black.
//!
//! MNIST's digits were "size normalized to fit in a 20×20 pixel box while preserving
//! their aspect ratio" and "centered in a 28×28 image by computing the center of mass"
//! (LeCun, Cortes and Burges, *The MNIST database*). A network that learned those does
//! best on pictures that went the same way. [`digit`] goes it:
//!
//! 1. a large picture is shrunk by averaging over areas: bounded work, less noise;
//! 2. a sheet that lies in the middle of something else is cut out;
//! 3. the paper's light is taken away: a smooth surface through the border, as a lamp to
//!    one side or a lens makes it, then what is left of the shading; the ink's sign (dark on light or
//!    light on dark) is that of what deviates most from the border;
//! 4. ink is what lies beyond Otsu's threshold, and beyond the noise;
//! 5. the digit is the largest connected patch of ink, and the pieces close to it; what
//!    lies along the picture's edge is not, where there is anything else;
//! 6. a stroke that would vanish at 28×28 is thickened;
//! 7. the digit is cropped, its longer side scaled to 20 by averaging over areas, set
//!    with its centre of mass in the middle, and stretched so that it reaches 255.
//!
//! A 28×28 picture whose border is already black goes through byte for byte, and one
//! whose border is white is only inverted: it is a data set's own.
//!
//! ```
//! use lenet_data::picture::{self, digit};
//!
//! // A black bar on white paper, 100×60.
//! let is_ink = |at: usize| (20..30).contains(&(at % 100)) && (10..50).contains(&(at / 100));
//! let paper: Vec<u8> = (0..6000).map(|at| if is_ink(at) { 0 } else { 255 }).collect();
//! let image = digit(100, 60, &paper)?;
//! assert_eq!((image[14 * 28 + 13], image[14 * 28 + 2]), (255, 0));
//! assert!(matches!(digit(100, 60, &[255; 6000]), Err(picture::Error::Blank)));
//! # Ok::<(), picture::Error>(())
//! ```

mod frame;
mod ink;
mod paper;
mod plane;
#[cfg(test)]
mod tests;

use crate::mnist::{PIXELS, SIDE};
use plane::Plane;

/// The shortest side a picture may have, in pixels: below it no digit can be told.
pub const MIN_SIDE: usize = 8;

/// The most pixels a picture may have: those of a good camera, 50 million.
pub const MAX_PIXELS: usize = 50_000_000;

/// The longer side, in pixels, at which a picture is worked on: a digit of a twentieth
/// of it still has more pixels than it will be left with.
const WORK: usize = 800;

/// Levels, of 256, that ink must differ from paper by: less is a smudge.
const CONTRAST: f32 = 12.0;

/// How far, in levels, the border of a data set's own picture may be from black.
const BLACK: u8 = 16;

/// Why no digit was found in a picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not those of a picture of this size.
    #[error("{found} bytes are no grey picture of {width}×{height} pixels, a byte each")]
    Bytes {
        /// How many bytes there are.
        found: usize,
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// Too few pixels to show a digit.
    #[error(
        "{width}×{height} pixels are too small for a digit: expected {MIN_SIDE}×{MIN_SIDE} at least"
    )]
    TooSmall {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// More pixels than are looked at.
    #[error("{width}×{height} pixels are too many: expected {} million at most", MAX_PIXELS / 1_000_000)]
    TooLarge {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// There is nothing on it.
    #[error(
        "no digit found: expected one digit, dark on light or light on dark, that stands out from its paper"
    )]
    Blank,
}

/// Whether a picture of this size may be given to [`digit`]: asked before it is decoded.
///
/// # Errors
///
/// [`Error::TooSmall`] and [`Error::TooLarge`].
pub fn check_size(width: usize, height: usize) -> Result<(), Error> {
    if width < MIN_SIDE || height < MIN_SIDE {
        return Err(Error::TooSmall { width, height });
    }
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(Error::TooLarge { width, height });
    }
    Ok(())
}

/// The digit in a grey picture, as MNIST would have it: 28 rows of 28 bytes, 0 for the
/// paper, 255 for ink.
///
/// `grey` has `height` rows of `width` bytes, 0 for black and 255 for white. Whether
/// the digit is dark on light or light on dark is found out, as the module's text says.
///
/// # Errors
///
/// [`Error::Bytes`] for another number of bytes than pixels, those of [`check_size`],
/// and [`Error::Blank`] where nothing stands out from the paper.
pub fn digit(width: usize, height: usize, grey: &[u8]) -> Result<[u8; PIXELS], Error> {
    check_size(width, height)?;
    if grey.len() != width * height {
        let found = grey.len();
        return Err(Error::Bytes {
            found,
            width,
            height,
        });
    }
    if let Some(image) = data_sets_own(width, height, grey)? {
        return Ok(image);
    }
    let picture = Plane::shrunk(width, height, grey, WORK);
    let picture = match paper::sheet(&picture) {
        Some(window) => picture.cut(window),
        None => picture,
    };
    let ink = ink::of(&paper::removed(picture)).ok_or(Error::Blank)?;
    Ok(frame::framed(&ink))
}

/// The picture itself if it is 28×28 with a black border, inverted if with a white one.
fn data_sets_own(width: usize, height: usize, grey: &[u8]) -> Result<Option<[u8; PIXELS]>, Error> {
    let Ok(mut image) = <[u8; PIXELS]>::try_from(grey) else {
        return Ok(None);
    };
    if (width, height) != (SIDE, SIDE) {
        return Ok(None);
    }
    let border = plane::border(width, height).map(|at| image[at]);
    // The middle one: ink may reach the border here and there.
    let mut border: Vec<u8> = border.collect();
    border.sort_unstable();
    let middle = border[border.len() / 2];
    if middle >= 255 - BLACK {
        image = image.map(|byte| 255 - byte);
    } else if middle > BLACK {
        return Ok(None);
    }
    let (low, high) = image.iter().fold((255, 0), |(low, high): (u8, u8), &byte| {
        (low.min(byte), high.max(byte))
    });
    if f32::from(high - low) < CONTRAST {
        return Err(Error::Blank);
    }
    Ok(Some(image))
}
