//! Small grey pictures within the page: PNG as text. The page shows each pixel as a square.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::html::escape;

/// Pixels between two pictures.
const BETWEEN: usize = 4;

/// Several pictures of one size, beside and below each other.
pub(super) struct Sheet {
    pixels: Vec<u8>,
    width: usize,
    height: usize,
}

/// How pictures stand on a sheet.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Pictures in a row.
    pub(super) columns: usize,
    /// Rows, and columns, of pixels that each one becomes.
    pub(super) zoom: usize,
    /// The shade between the pictures.
    pub(super) gap: u8,
}

impl Sheet {
    /// Pictures of `[height, width]` bytes, 0 black to 255 white.
    pub(super) fn new(pictures: &[Vec<u8>], [height, width]: [usize; 2], layout: Layout) -> Self {
        let Layout { columns, zoom, gap } = layout;
        let columns = columns.clamp(1, pictures.len().max(1));
        let rows = pictures.len().div_ceil(columns).max(1);
        let [down, right] = [height, width].map(|side| side * zoom + BETWEEN);
        let mut sheet = Self {
            pixels: Vec::new(),
            width: columns * right - BETWEEN,
            height: rows * down - BETWEEN,
        };
        sheet.pixels = vec![gap; sheet.width * sheet.height];
        for (number, picture) in pictures.iter().enumerate() {
            let (top, left) = (number / columns * down, number % columns * right);
            for y in 0..height * zoom {
                let row = &picture[y / zoom * width..][..width];
                let start = (top + y) * sheet.width + left;
                let line = &mut sheet.pixels[start..start + width * zoom];
                for (pixels, value) in line.chunks_exact_mut(zoom).zip(row) {
                    pixels.fill(*value);
                }
            }
        }
        sheet
    }

    /// A sheet of one picture, as it is.
    pub(super) fn single(picture: &[u8], side: usize) -> Self {
        Self {
            pixels: picture.to_vec(),
            width: side,
            height: side,
        }
    }

    /// An `<img>`, each pixel `scale` wide where the page is wide enough; `alt` says what
    /// there is to see.
    pub(super) fn img(&self, scale: usize, alt: &str) -> anyhow::Result<String> {
        let (width, height) = (self.width as u32, self.height as u32);
        let mut png = Vec::new();
        PngEncoder::new(&mut png)
            .write_image(&self.pixels, width, height, ExtendedColorType::L8)
            .context("a picture cannot be made into PNG")?;
        Ok(format!(
            "<img class=\"pixels\" width=\"{}\" height=\"{}\" alt=\"{}\" \
             src=\"data:image/png;base64,{}\">",
            scale * self.width,
            scale * self.height,
            escape(alt),
            STANDARD.encode(png)
        ))
    }
}

/// Values as shades from black at `low` to white at `high`.
pub(super) fn shades(values: &[f32], [low, high]: [f32; 2]) -> Vec<u8> {
    let span = if high > low { high - low } else { 1.0 };
    let shade = |value: &f32| (255.0 * ((value - low) / span).clamp(0.0, 1.0)).round() as u8;
    values.iter().map(shade).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_rows_with_gaps_between() {
        let pictures = [vec![1, 2, 3, 4], vec![5, 6, 7, 8], vec![9, 10, 11, 12]];
        let layout = Layout {
            columns: 2,
            zoom: 1,
            gap: 0,
        };
        let sheet = Sheet::new(&pictures, [2, 2], layout);
        assert_eq!((sheet.width, sheet.height), (8, 8));
        #[rustfmt::skip]
        assert_eq!(sheet.pixels, [
            1, 2, 0, 0, 0, 0, 5, 6,
            3, 4, 0, 0, 0, 0, 7, 8,
            0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0,
            9, 10, 0, 0, 0, 0, 0, 0,
            11, 12, 0, 0, 0, 0, 0, 0,
        ]);
        let zoomed = Sheet::new(&[vec![1, 2]], [1, 2], Layout { zoom: 2, ..layout });
        assert_eq!((zoomed.width, zoomed.height), (4, 2));
        assert_eq!(zoomed.pixels, [1, 1, 2, 2, 1, 1, 2, 2]);
    }

    #[test]
    fn a_picture_comes_back_from_the_page() {
        let sheet = Sheet::single(&[0, 127, 255, 1], 2);
        let img = sheet.img(4, "\"four\"").unwrap();
        let start = "<img class=\"pixels\" width=\"8\" height=\"8\" alt=\"&quot;four&quot;\"";
        assert!(img.starts_with(start), "{img}");
        let (_, base64) = img.split_once("base64,").unwrap();
        let png = STANDARD.decode(base64.trim_end_matches("\">")).unwrap();
        let read = image::load_from_memory(&png).unwrap().to_luma8();
        assert_eq!(read.into_raw(), [0, 127, 255, 1]);
    }

    #[test]
    fn shades_run_from_low_to_high() {
        assert_eq!(
            shades(&[-1.0, 0.0, 1.0, 9.0], [-1.0, 1.0]),
            [0, 128, 255, 255]
        );
        assert_eq!(shades(&[2.0, 2.0], [2.0, 2.0]), [0, 0]);
        assert_eq!(shades(&[f32::NAN], [0.0, 1.0]), [0]);
    }
}
