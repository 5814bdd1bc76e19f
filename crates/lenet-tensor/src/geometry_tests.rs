//! Shapes that fit, and those that do not.

use super::*;
use proptest::prelude::*;

fn conv(input: [usize; 4], weight: [usize; 4], options: Conv2dOptions) -> String {
    match Conv2dGeometry::new(&input, &weight, options) {
        Ok(g) => format!("{:?}", g.output_shape()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn lenets_layers_have_the_sizes_of_1998() {
    let plain = Conv2dOptions::default();
    assert_eq!(conv([4, 1, 32, 32], [6, 1, 5, 5], plain), "[4, 6, 28, 28]");
    assert_eq!(
        conv([4, 6, 14, 14], [16, 6, 5, 5], plain),
        "[4, 16, 10, 10]"
    );
    let pool = Pool2dGeometry::new("max_pool2d", &[4, 6, 28, 28], [2; 2], [2; 2]).unwrap();
    assert_eq!(pool.output_shape(), [4, 6, 14, 14]);
}

#[test]
fn what_does_not_fit_is_named() {
    let plain = Conv2dOptions::default();
    assert_eq!(
        conv([1, 3, 28, 28], [6, 1, 5, 5], plain),
        "conv2d: input has 3 channels but weight expects 1 (weight [6, 1, 5, 5])"
    );
    let error = conv([1, 1, 28, 4], [6, 1, 5, 5], plain);
    assert!(
        error.starts_with(
            "conv2d: a window of 5 (kernel 5, dilation 1) does not fit the width of 4"
        ),
        "{error}"
    );
    let stride = Conv2dOptions {
        stride: [0, 1],
        ..plain
    };
    assert_eq!(
        conv([1, 1, 8, 8], [6, 1, 5, 5], stride),
        "conv2d: stride is 0, it must be at least 1"
    );
    let groups = Conv2dOptions { groups: 4, ..plain };
    assert_eq!(
        conv([1, 6, 8, 8], [8, 1, 5, 5], groups),
        "conv2d: 4 groups do not divide 6 input channels"
    );
    let huge = Conv2dOptions {
        padding: [usize::MAX, 0],
        ..plain
    };
    assert_eq!(
        conv([1, 1, 8, 8], [6, 1, 5, 5], huge),
        "conv2d: the padding is too large for this machine"
    );
    let rank = Conv2dGeometry::new(&[28, 28], &[6, 1, 5, 5], plain).unwrap_err();
    assert_eq!(
        rank.to_string(),
        "conv2d: expected input [N, C, H, W], got [28, 28] (2 axes)"
    );
}

#[test]
fn neither_no_input_nor_too_much_of_it_is_a_geometry() {
    let padded = |padding| Conv2dOptions {
        padding,
        ..Default::default()
    };
    for (input, axis) in [([1, 1, 0, 8], "height"), ([1, 1, 8, 0], "width")] {
        assert_eq!(
            conv(input, [1, 1, 1, 1], padded([4; 2])),
            format!("conv2d: input {axis} is 0, it must be at least 1")
        );
    }
    // 2^32 rows of 2^32: as many values as a usize cannot count.
    for batch in [0, 1] {
        assert_eq!(
            conv([batch, 1, 8, 8], [1, 1, 1, 1], padded([(1 << 31) - 4; 2])),
            "conv2d: the padded input is too large for this machine"
        );
    }
    // Few outputs of a sample, too many of all.
    let input = [1 << 60, 1, 8, 8];
    assert_eq!(
        conv(input, [1, 1, 1, 1], padded([0; 2])),
        "conv2d: the output is too large for this machine"
    );
}

proptest! {
    /// Counting the places of the window one by one gives the same number.
    #[test]
    fn the_output_counts_the_places(
        size in 1usize..40, kernel in 1usize..7, stride in 1usize..5,
        padding in 0usize..4, dilation in 1usize..4,
    ) {
        let axis = Axis { op: "test", axis: "height", size, kernel, stride, padding, dilation };
        let last_tap = dilation * (kernel - 1);
        let places = (0..size + 2 * padding)
            .step_by(stride)
            .filter(|start| start + last_tap < size + 2 * padding)
            .count();
        prop_assert_eq!(axis.output().unwrap_or(0), places);
    }
}
