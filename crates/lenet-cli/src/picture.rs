//! A picture file of one digit as the 28×28 bytes of a data set: white on black.
//!
//! What may be a trap is refused before it costs anything: a file by its length, a
//! picture by the size that its header promises.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use anyhow::Context;
use image::metadata::Orientation;
use image::{
    DynamicImage, GenericImageView, GrayImage, ImageDecoder, ImageError, ImageFormat, ImageReader,
    Limits,
};
use lenet_data::picture;

/// The longest file that is read: 64 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// The most memory, in bytes, that decoding a file may take: 50 million pixels of RGB or
/// RGBA.
const MAX_ALLOC: u64 = 256 << 20;

/// Why a file's bytes are no picture of a digit. Its text follows the file's path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("longer than {} MiB, expected a PNG or JPEG picture of a digit", MAX_BYTES >> 20)]
    TooLong,
    #[error("{0}, expected PNG or JPEG")]
    Format(&'static str),
    #[error("a {format} picture that cannot be decoded ({why}): save it again")]
    Damaged { format: &'static str, why: String },
    #[error("takes more than {} MiB to decode: save it smaller, or with 8 bits a colour", most >> 20)]
    TooDeep { most: u64 },
    #[error("a JPEG picture that is cut short: get the file again")]
    CutShort,
    #[error(transparent)]
    Content(#[from] picture::Error),
}

/// Reads a PNG or JPEG of any size, colour or grey: the digit on it.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = bytes(path).with_context(|| {
        let path = path.display();
        format!("{path}: cannot be read, expected a PNG or JPEG picture")
    })?;
    digit(&bytes, MAX_ALLOC).with_context(|| path.display().to_string())
}

/// At most one byte more than [`MAX_BYTES`], whatever the file claims to be: a device has
/// no length.
fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The digit on a picture, from a file's bytes; decoding takes `most` bytes of memory at
/// most.
pub(crate) fn digit(bytes: &[u8], most: u64) -> Result<Vec<u8>, Unreadable> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Unreadable::TooLong);
    }
    let (format, name) = match image::guess_format(bytes) {
        Ok(format @ ImageFormat::Png) => (format, "PNG"),
        Ok(format @ ImageFormat::Jpeg) => (format, "JPEG"),
        _ => return Err(Unreadable::Format(other(bytes))),
    };
    let damaged = |error| match error {
        ImageError::Limits(_) => Unreadable::TooDeep { most },
        error => Unreadable::Damaged {
            format: name,
            why: error.to_string(),
        },
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(most);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    picture::check_size(width as usize, height as usize)?;
    if decoder.total_bytes() > most {
        return Err(Unreadable::TooDeep { most });
    }
    if format == ImageFormat::Jpeg && !jpeg_ends(bytes) {
        return Err(Unreadable::CutShort);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let colours = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    let mut grey = DynamicImage::from(on_white(colours));
    // A telephone turns its pictures by a note in the file.
    grey.apply_orientation(orientation);
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    Ok(picture::digit(width, height, grey.as_bytes())?.to_vec())
}

/// What a file is that is no PNG or JPEG, as far as its first bytes tell.
fn other(bytes: &[u8]) -> &'static str {
    let start = &bytes[..bytes.len().min(1024)];
    let has = |tag: &str| start.windows(tag.len()).any(|part| part == tag.as_bytes());
    match image::guess_format(bytes) {
        Ok(ImageFormat::Gif) => "a GIF picture",
        Ok(ImageFormat::WebP) => "a WebP picture",
        Ok(ImageFormat::Bmp) => "a BMP picture",
        Ok(ImageFormat::Tiff) => "a TIFF picture",
        Ok(ImageFormat::Avif) => "an AVIF picture",
        _ if bytes.is_empty() => "an empty file",
        _ if start.get(4..8) == Some(b"ftyp") => "a HEIC picture or a film",
        _ if has("<svg") => "an SVG drawing",
        _ => "not a picture",
    }
}

/// Whether a JPEG has the mark of its end. The decoder fills what is missing with grey,
/// which would pass for paper.
fn jpeg_ends(bytes: &[u8]) -> bool {
    // Segments up to the first scan, each with its length: one may hold a small picture
    // with an end of its own.
    let mut at = 2;
    while let Some(&[0xff, kind, high, low]) = bytes.get(at..at + 4) {
        let length = usize::from(high) << 8 | usize::from(low);
        match kind {
            0xff => at += 1,
            0xda => break,
            _ => at += 2 + length.max(2),
        }
    }
    bytes
        .get(at..)
        .is_some_and(|scans| scans.windows(2).any(|pair| pair == [0xff, 0xd9]))
}

/// Grey, without a second copy in colours. Transparent pixels count as the paper, not as
/// the black they may hold.
fn on_white(picture: DynamicImage) -> GrayImage {
    let (width, height) = (picture.width(), picture.height());
    let bytes = match &picture {
        DynamicImage::ImageLuma8(_) => return picture.into_luma8(),
        DynamicImage::ImageLumaA8(pixels) => greys(pixels, |[l, alpha]| grey([l, l, l, alpha])),
        DynamicImage::ImageRgb8(pixels) => greys(pixels, |[r, g, b]| grey([r, g, b, 255])),
        DynamicImage::ImageRgba8(pixels) => greys(pixels, grey),
        // 16 bits a colour.
        _ => picture
            .pixels()
            .map(|(_, _, pixel)| grey(pixel.0))
            .collect(),
    };
    GrayImage::from_raw(width, height, bytes).unwrap_or_default()
}

fn greys<const N: usize>(bytes: &[u8], grey: impl Fn([u8; N]) -> u8) -> Vec<u8> {
    let (pixels, _) = bytes.as_chunks();
    pixels.iter().map(|&pixel| grey(pixel)).collect()
}

fn grey(pixel: [u8; 4]) -> u8 {
    let [r, g, b, alpha] = pixel.map(u32::from);
    // Rec. 709, in thousandths, as the image crate's own conversion.
    let luma = (213 * r + 715 * g + 72 * b) / 1000;
    ((luma * alpha + 255 * (255 - alpha)) / 255) as u8
}

#[cfg(test)]
mod tests;
