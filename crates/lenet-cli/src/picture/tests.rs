//! Picture files, good ones and traps.

use image::{GrayImage, Luma, Rgba, RgbaImage, imageops};

use super::*;

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn digit(bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
    super::digit(bytes, MAX_ALLOC)
}

/// A bar of 8×16 on black.
fn bar() -> GrayImage {
    GrayImage::from_fn(28, 28, |x, y| {
        let ink = (10..18).contains(&x) && (6..22).contains(&y);
        Luma([if ink { 250 } else { 3 }])
    })
}

fn ink(pixels: &[u8]) -> usize {
    pixels.iter().filter(|&&pixel| pixel > 127).count()
}

#[test]
fn a_digit_of_a_data_set_is_read_as_it_is() {
    let png = encoded(bar(), ImageFormat::Png);
    assert_eq!(digit(&png).unwrap(), bar().into_raw());
}

#[test]
fn dark_on_light_is_turned_round_and_colours_become_grey() {
    let mut inverted = bar();
    imageops::invert(&mut inverted);
    let colour = DynamicImage::from(inverted).to_rgb8();
    let png = encoded(colour, ImageFormat::Png);
    assert_eq!(digit(&png).unwrap(), bar().into_raw());
}

#[test]
fn transparent_paper_is_paper() {
    let line = RgbaImage::from_fn(28, 28, |x, _| {
        Rgba([0, 0, 0, if x == 14 { 255 } else { 0 }])
    });
    let pixels = digit(&encoded(line, ImageFormat::Png)).unwrap();
    assert_eq!((pixels[0], pixels[14]), (0, 255));
}

#[test]
fn every_form_of_colour_becomes_the_grey_of_its_pixels() {
    let many = RgbaImage::from_fn(64, 64, |x, y| {
        Rgba([
            (x * 5) as u8,
            (y * 7) as u8,
            (x * y) as u8,
            (x + 3 * y) as u8,
        ])
    });
    let many = DynamicImage::from(many);
    for form in [
        many.to_luma8().into(),
        many.to_luma_alpha8().into(),
        many.to_rgb8().into(),
        many.clone(),
        many.to_luma_alpha16().into(),
        many.to_rgba16().into(),
    ] {
        let form: DynamicImage = form;
        let pixels: Vec<u8> = form.pixels().map(|(_, _, pixel)| grey(pixel.0)).collect();
        let colour = form.color();
        assert_eq!(on_white(form).into_raw(), pixels, "{colour:?}");
    }
}

#[test]
fn any_size_and_format_comes_to_the_same_box() {
    // Its longer side 20, so 10 wide: half of what rounding to whole pixels can add to
    // the 200 pixels of ink is one on each side.
    for (side, format) in [
        (60, ImageFormat::Png),
        (280, ImageFormat::Jpeg),
        (999, ImageFormat::Png),
    ] {
        let large = imageops::resize(&bar(), side, side, imageops::FilterType::Nearest);
        let pixels = digit(&encoded(large, format)).unwrap();
        let ink = ink(&pixels);
        assert!((18 * 8..=20 * 12).contains(&ink), "{side}: {ink}");
        assert!(pixels[..4 * 28].iter().all(|&pixel| pixel == 0));
        assert_eq!(pixels.iter().max(), Some(&255));
    }
}

#[test]
fn what_would_take_too_much_memory_is_refused_before_it_is_decoded() {
    // A byte a pixel is allowed: that is grey, and a quarter of RGBA.
    let png = |picture: DynamicImage| encoded(picture, ImageFormat::Png);
    let large = imageops::resize(&bar(), 280, 280, imageops::FilterType::Nearest);
    let grey = png(large.clone().into());
    assert!(super::digit(&grey, 280 * 280).is_ok());
    let colour = png(DynamicImage::from(large).to_rgba8().into());
    let error = super::digit(&colour, 280 * 280).unwrap_err();
    assert!(matches!(error, Unreadable::TooDeep { .. }), "{error}");
}

#[test]
fn deep_and_indexed_pictures_are_read() {
    let deep = DynamicImage::from(bar()).to_rgba16();
    let pixels = digit(&encoded(deep, ImageFormat::Png)).unwrap();
    assert_eq!(pixels, bar().into_raw());
}

#[test]
fn a_note_of_orientation_is_followed() {
    // A bar that lies on its side, and the note (6) to turn it upright by 90 degrees.
    let upright = imageops::resize(&bar(), 112, 112, imageops::FilterType::Nearest);
    let jpeg = encoded(imageops::rotate270(&upright), ImageFormat::Jpeg);
    let exif =
        b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut turned = jpeg[..2].to_vec();
    turned.extend_from_slice(exif);
    turned.extend_from_slice(&jpeg[2..]);
    let rows = |pixels: &[u8]| {
        let rows = pixels.chunks(28);
        rows.filter(|row| row.iter().any(|&pixel| pixel > 127))
            .count()
    };
    assert!(rows(&digit(&jpeg).unwrap()) < 14);
    assert!(rows(&digit(&turned).unwrap()) > 14);
}

#[test]
fn what_is_no_picture_is_named() {
    for (bytes, what) in [
        (&b""[..], "an empty file"),
        (b"hello", "not a picture"),
        (b"GIF89a......", "a GIF picture"),
        (
            b"<?xml version=\"1.0\"?>\n<svg xmlns=\"x\"/>",
            "an SVG drawing",
        ),
    ] {
        let error = digit(bytes).unwrap_err().to_string();
        assert!(
            error.contains(what) && error.contains("expected PNG or JPEG"),
            "{error}"
        );
    }
    let error = read(Path::new("no/such.png")).unwrap_err().to_string();
    assert!(error.contains("no/such.png"), "{error}");
}

#[test]
fn sizes_are_refused_by_the_header_alone() {
    // The header of a PNG, grey, and no pixels after it.
    let header = |width: u32, height: u32| {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend(width.to_be_bytes());
        png.extend(height.to_be_bytes());
        png.extend(b"\x08\0\0\0\0");
        let crc = crc(&png[12..]);
        png.extend(crc.to_be_bytes());
        png.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
        png
    };
    let refused = |width, height| digit(&header(width, height)).unwrap_err();
    for (width, height) in [(60_000, 60_000), (50_001, 1_000), (6_000_000, 9)] {
        let error = refused(width, height);
        let too_large = matches!(error, Unreadable::Content(picture::Error::TooLarge { .. }));
        assert!(too_large, "{width}×{height}: {error}");
    }
    let error = refused(u32::MAX >> 1, 9);
    assert!(matches!(error, Unreadable::TooDeep { .. }), "{error}");
    let error = refused(1, 1);
    assert!(
        matches!(error, Unreadable::Content(picture::Error::TooSmall { .. })),
        "{error}"
    );
    let error = refused(100, 100);
    assert!(matches!(error, Unreadable::Damaged { .. }), "{error}");
}

/// The sum that a PNG's parts end with.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 * (sum & 1))
        })
    })
}

#[test]
fn files_that_are_cut_short_are_refused_wherever_they_are_cut() {
    let large = imageops::resize(&bar(), 120, 120, imageops::FilterType::Nearest);
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let whole = encoded(large.clone(), format);
        digit(&whole).unwrap();
        // A PNG is whole before its last part, which holds nothing.
        let end = whole.len() - if format == ImageFormat::Png { 16 } else { 1 };
        for length in 0..end {
            assert!(digit(&whole[..length]).is_err(), "{format:?} {length}");
        }
    }
}
