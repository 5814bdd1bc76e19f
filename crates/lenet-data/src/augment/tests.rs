//! What holds for every way of drawing images anew.

use proptest::prelude::*;

use super::resample::shift;
use super::*;
use crate::mnist::SIDE;

const STILL: Affine = Affine {
    radians: 0.0,
    shear: 0.0,
    scale: [1.0, 1.0],
    shift: [0.0, 0.0],
};

/// One white pixel.
fn dot(x: usize, y: usize) -> [u8; PIXELS] {
    let mut image = [0; PIXELS];
    image[y * SIDE + x] = 255;
    image
}

fn mapped(image: &[u8; PIXELS], map: Affine) -> [u8; PIXELS] {
    Source::new(image).at(&Grid::new(&map))
}

/// A digit-like blob of ink about the middle.
fn blob() -> [u8; PIXELS] {
    std::array::from_fn(|at| {
        let (x, y) = ((at % SIDE) as f32 - 13.5, (at / SIDE) as f32 - 13.5);
        (255.0 * (-(x * x / 18.0 + y * y / 40.0)).exp()) as u8
    })
}

fn ink(image: &[u8; PIXELS]) -> f64 {
    image.iter().map(|&pixel| f64::from(pixel)).sum()
}

#[test]
fn each_part_of_a_map_does_what_its_name_says() {
    let quarter = std::f32::consts::FRAC_PI_2;
    // Six to the right of the middle and four above it.
    let image = dot(20, 10);
    let turned = Affine {
        radians: quarter,
        ..STILL
    };
    let cases = [
        (STILL, dot(20, 10)),
        (
            Affine {
                shift: [3.0, -2.0],
                ..STILL
            },
            dot(23, 8),
        ),
        // Counter-clockwise: (6.5, 3.5 up) → (3.5 left, 6.5 up).
        (turned, dot(10, 7)),
        // 3.5 above the middle, twice as far to the right: 6.5 + 7.
        (
            Affine {
                shear: 2.0,
                ..STILL
            },
            dot(27, 10),
        ),
    ];
    for (map, expected) in cases {
        let image = mapped(&image, map);
        // Places are 256ths of a pixel and sin, cos and the products round: the dot
        // may lose a 256th or two of itself to each neighbour.
        for (at, (&got, &want)) in image.iter().zip(&expected).enumerate() {
            assert!(
                got.abs_diff(want) <= 4,
                "{map:?} at {at}: {got}, not {want}"
            );
        }
    }
    // Twice as wide, half as high: ink is kept.
    let scaled = mapped(
        &blob(),
        Affine {
            scale: [1.5, 1.0 / 1.5],
            ..STILL
        },
    );
    assert!((ink(&scaled) / ink(&blob()) - 1.0).abs() < 0.02);
    assert!(scaled[13 * SIDE + 5] > 2 * blob()[13 * SIDE + 5]);
}

#[test]
fn between_pixels_values_are_bilinear() {
    let half = mapped(
        &dot(10, 10),
        Affine {
            shift: [0.5, 0.25],
            ..STILL
        },
    );
    let at = |x: usize, y: usize| half[y * SIDE + x];
    // 255 · 0.5 · 0.75 = 95.6 and 255 · 0.5 · 0.25 = 31.9.
    assert_eq!(
        [at(10, 10), at(11, 10), at(10, 11), at(11, 11)],
        [96, 96, 32, 32]
    );
}

#[test]
fn shifts_are_drawn_evenly() {
    let mut counts = [0; 5];
    for i in 0..1000 {
        counts[(whole(i as f32 / 500.0 - 1.0) + 2) as usize] += 1;
    }
    assert_eq!(counts, [200; 5]);
    assert_eq!((whole(-1.0), whole(1.0)), (-2, 2));
}

#[test]
fn names_go_both_ways() {
    for augment in Augment::ALL {
        assert_eq!(augment.to_string().parse(), Ok(augment));
    }
    let error = "twist".parse::<Augment>().unwrap_err();
    assert!(
        error.contains("`twist`") && error.contains("elastic"),
        "{error}"
    );
}

proptest! {
    // An elastic augmenter makes a thousand fields: few cases, many images each.
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn draws_are_the_keys_the_epochs_and_the_images(seed: u64, epoch in 0u64..1000, index in 0usize..60_000) {
        let image = blob();
        for augment in Augment::ALL {
            let augmenter = Augmenter::new(augment, Key::from_seed(seed));
            let draw = |epoch, index| augmenter.epoch(epoch).apply(&image, index);
            prop_assert_eq!(draw(epoch, index), augmenter.clone().epoch(epoch).apply(&image, index));
            let others: Vec<_> = (1..20).map(|i| draw(epoch, index + i)).collect();
            prop_assert!(others.iter().any(|other| *other != draw(epoch, index)));
            prop_assert!((1..20).any(|i| draw(epoch + i, index) != draw(epoch, index)));
            // 1.12² · 1.1 in scale at most, and a field can widen by a third: a blob that
            // stays inside keeps most of its ink.
            for other in &others {
                let ratio = ink(other) / ink(&image);
                prop_assert!((0.4..2.0).contains(&ratio), "{} of the ink, {}", ratio, augment);
            }
            prop_assert_eq!(augmenter.epoch(epoch).apply(&[0; PIXELS], index), [0; PIXELS]);
        }
    }

    #[test]
    fn a_shift_is_the_map_of_whole_pixels(right in -30isize..30, down in -30isize..30, seed: u64) {
        let values = Key::from_seed(seed).uniform(PIXELS, 0.0, 255.9);
        let image: [u8; PIXELS] = std::array::from_fn(|at| values[at] as u8);
        let map = Affine { shift: [right as f32, down as f32], ..STILL };
        prop_assert_eq!(shift(&image, [right, down]), mapped(&image, map));
    }
}
