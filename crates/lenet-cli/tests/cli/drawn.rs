//! Pictures made from a data set's digits, as people would have them: enlarged, somewhere
//! on paper of some tone under some light, dark on light or light on dark, with noise.
//! The test and `examples/pictures.rs` use it.

use image::imageops::{self, FilterType};
use image::{GrayImage, Luma};
use lenet_tensor::random::Key;

/// The picture of this key: the digit's 28×28 in `smallest` to `largest` pixels, each
/// doubling as likely, on paper up to 1.6 times as wide and as high.
pub(crate) fn drawn(digit: &[u8], key: &Key, smallest: f32, largest: f32) -> GrayImage {
    let draw = |name: &str, low: f32, high: f32| {
        let [value] = key
            .fold_in(name)
            .uniform_array(f64::from(low), f64::from(high));
        value
    };
    let side = draw("side", smallest.ln(), largest.ln()).exp().round();
    let digit = GrayImage::from_fn(28, 28, |x, y| Luma([digit[(y * 28 + x) as usize]]));
    let digit = imageops::resize(&digit, side as u32, side as u32, FilterType::CatmullRom);

    let [width, height] = ["width", "height"].map(|name| side * draw(name, 1.0, 1.6));
    let left = draw("left", 0.0, width - side) as i64;
    let top = draw("top", 0.0, height - side) as i64;

    // Grey paper, never quite black or white; ink far from it on the other side.
    let (mut paper, mut ink) = (draw("paper", 150.0, 235.0), draw("ink", 10.0, 70.0));
    if draw("inverted", 0.0, 1.0) < 0.5 {
        (paper, ink) = (255.0 - paper, 255.0 - ink);
    }
    // From one side of the paper to the other.
    let [across, down] = ["across", "down"].map(|name| draw(name, -25.0, 25.0));
    let (width, height) = (width as u32, height as u32);
    let deviation = f64::from(draw("deviation", 0.0, 12.0));
    let noise = key
        .fold_in("noise")
        .normal((width * height) as usize, 0.0, deviation);
    GrayImage::from_fn(width, height, |x, y| {
        let from = |start: i64, at: u32| u32::try_from(i64::from(at) - start).ok();
        let inked = from(left, x).zip(from(top, y));
        let inked = inked.and_then(|(x, y)| digit.get_pixel_checked(x, y));
        let share = inked.map_or(0.0, |pixel| f32::from(pixel.0[0]) / 255.0);
        let light = across * (x as f32 / width as f32 - 0.5);
        let light = light + down * (y as f32 / height as f32 - 0.5);
        let level = paper + share * (ink - paper) + light + noise[(y * width + x) as usize];
        Luma([level.round().clamp(0.0, 255.0) as u8])
    })
}
