//! A picture of one digit as the 28×28 bytes of a data set: white on black.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::Context;
use image::imageops::FilterType;
use image::{GrayImage, ImageFormat, ImageReader, Limits};

const SIDE: u32 = 28;

/// Reads a PNG of any size. A picture that is light at its border is dark on
/// light, and turned round; one of another size is made square and scaled.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let named = || path.display().to_string();
    let file = File::open(path)
        .with_context(|| format!("{}: cannot be opened, expected a PNG picture", named()))?;
    let mut reader = ImageReader::with_format(BufReader::new(file), ImageFormat::Png);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(10_000), Some(10_000));
    limits.max_alloc = Some(256 << 20);
    reader.limits(limits);
    let picture = reader
        .decode()
        .with_context(|| format!("{}: not a picture that can be read (expected PNG)", named()))?;
    // Transparent pixels count as the paper, not as the black they may hold.
    let mut grey = on_white(&picture.to_rgba8());
    if is_light(&grey) {
        image::imageops::invert(&mut grey);
    }
    if grey.dimensions() != (SIDE, SIDE) {
        grey = image::imageops::resize(&square(grey), SIDE, SIDE, FilterType::Triangle);
    }
    Ok(grey.into_raw())
}

fn on_white(picture: &image::RgbaImage) -> GrayImage {
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [r, g, b, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        // Rec. 709, in thousandths, as the image crate's own conversion.
        let luma = (213 * r + 715 * g + 72 * b) / 1000;
        image::Luma([((luma * alpha + 255 * (255 - alpha)) / 255) as u8])
    })
}

/// The picture in the middle of a black square, so that scaling keeps its shape: a
/// 1 stays thin.
fn square(grey: GrayImage) -> GrayImage {
    let (width, height) = grey.dimensions();
    if width == height {
        return grey;
    }
    let side = width.max(height);
    let mut square = GrayImage::new(side, side);
    let (x, y) = ((side - width) / 2, (side - height) / 2);
    image::imageops::replace(&mut square, &grey, i64::from(x), i64::from(y));
    square
}

/// Whether most of the border is light.
fn is_light(grey: &GrayImage) -> bool {
    let (width, height) = grey.dimensions();
    let border = |x: u32, y: u32| x == 0 || y == 0 || x + 1 == width || y + 1 == height;
    let (mut light, mut all) = (0u64, 0u64);
    for (x, y, pixel) in grey.enumerate_pixels() {
        if border(x, y) {
            light += u64::from(pixel.0[0] > 127);
            all += 1;
        }
    }
    2 * light > all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(picture: &image::DynamicImage) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
        picture.save(file.path()).unwrap();
        file
    }

    fn digit() -> GrayImage {
        GrayImage::from_fn(28, 28, |x, y| {
            image::Luma([if (10..18).contains(&x) && y > 5 && y < 22 {
                250
            } else {
                3
            }])
        })
    }

    #[test]
    fn a_digit_of_a_data_set_is_read_as_it_is() {
        let file = written(&digit().into());
        assert_eq!(read(file.path()).unwrap(), digit().into_raw());
    }

    #[test]
    fn dark_on_light_is_turned_round_and_colours_become_grey() {
        let mut inverted = digit();
        image::imageops::invert(&mut inverted);
        let colour = image::DynamicImage::from(inverted).to_rgb8();
        let file = written(&colour.into());
        assert_eq!(read(file.path()).unwrap(), digit().into_raw());
    }

    #[test]
    fn transparent_paper_is_paper() {
        let ink = image::RgbaImage::from_fn(28, 28, |x, _| {
            image::Rgba([0, 0, 0, if x == 14 { 255 } else { 0 }])
        });
        let pixels = read(written(&ink.into()).path()).unwrap();
        assert_eq!((pixels[0], pixels[14]), (0, 255));
    }

    #[test]
    fn another_size_is_scaled() {
        let large = image::imageops::resize(&digit(), 280, 280, FilterType::Nearest);
        let pixels = read(written(&large.into()).path()).unwrap();
        assert_eq!(pixels.len(), 784);
        assert!(pixels[14 * 28 + 14] > 240 && pixels[0] < 10);
    }

    #[test]
    fn a_picture_that_is_not_square_keeps_its_shape() {
        // The middle 10 columns of the digit, at ten times the size.
        let narrow = image::imageops::crop_imm(&digit(), 9, 0, 10, 28).to_image();
        let large = image::imageops::resize(&narrow, 100, 280, FilterType::Nearest);
        let pixels = read(written(&large.into()).path()).unwrap();
        let is_ink = |(i, &pixel): (usize, &u8)| (pixel > 127).then_some(i);
        let ink: Vec<usize> = pixels.iter().enumerate().filter_map(is_ink).collect();
        let digit = digit().into_raw();
        let expected: Vec<usize> = digit.iter().enumerate().filter_map(is_ink).collect();
        assert_eq!(ink, expected);
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for bytes in [
            &b""[..],
            b"hello",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff\x08\0\0\0\0",
        ] {
            std::fs::write(file.path(), bytes).unwrap();
            let error = read(file.path()).unwrap_err().to_string();
            assert!(error.contains("expected PNG"), "{error}");
        }
        assert!(
            read(Path::new("no/such.png"))
                .unwrap_err()
                .to_string()
                .contains("no/such.png")
        );
    }
}
