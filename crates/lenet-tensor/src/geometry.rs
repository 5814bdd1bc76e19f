//! All arithmetic on shapes: what an operation makes of its input's shape, and
//! whether the two fit. Everything is checked once, here; kernels then trust it.

use crate::ShapeError;

/// Stride, padding, dilation and groups of a convolution; PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dOptions {
    /// Steps of the window, `[down, right]`.
    pub stride: [usize; 2],
    /// Zeros added on each side, `[top and bottom, left and right]`.
    pub padding: [usize; 2],
    /// Distance between the taps of the kernel.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl Default for Conv2dOptions {
    fn default() -> Self {
        Self {
            stride: [1; 2],
            padding: [0; 2],
            dilation: [1; 2],
            groups: 1,
        }
    }
}

/// A convolution's sizes, checked: input `[N, C_in, H, W]`, weight
/// `[C_out, C_in / groups, KH, KW]`, output `[N, C_out, H', W']`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dGeometry {
    /// N.
    pub batch: usize,
    /// C_in.
    pub in_channels: usize,
    /// C_out.
    pub out_channels: usize,
    /// `[H, W]`.
    pub input: [usize; 2],
    /// `[KH, KW]`.
    pub kernel: [usize; 2],
    /// `[H', W']` with `H' = (H + 2·padding - dilation·(KH - 1) - 1) / stride + 1`.
    pub output: [usize; 2],
    /// Stride, padding, dilation, groups.
    pub options: Conv2dOptions,
}

impl Conv2dGeometry {
    /// Checks that input, weight and options fit together.
    ///
    /// # Errors
    /// The first of: another number of axes, a zero, groups that do not divide
    /// the channels, channels that differ, a window larger than the input.
    pub fn new(
        input: &[usize],
        weight: &[usize],
        options: Conv2dOptions,
    ) -> Result<Self, ShapeError> {
        const OP: &str = "conv2d";
        let [batch, in_channels, height, width] = four(OP, "input [N, C, H, W]", input)?;
        let [out_channels, group_channels, kh, kw] =
            four(OP, "weight [C_out, C_in / groups, KH, KW]", weight)?;
        let groups = options.groups;
        nonzero(OP, "number of groups", groups)?;
        nonzero(OP, "number of input channels", in_channels)?;
        nonzero(OP, "number of output channels", out_channels)?;
        for (channels, side) in [(in_channels, "input"), (out_channels, "output")] {
            if channels % groups != 0 {
                return Err(ShapeError::Groups {
                    op: OP,
                    groups,
                    channels,
                    side,
                });
            }
        }
        let expected = group_channels
            .checked_mul(groups)
            .ok_or(ShapeError::TooLarge {
                op: OP,
                what: "number of input channels",
            })?;
        if in_channels != expected {
            return Err(ShapeError::Channels {
                op: OP,
                axis: "channels",
                got: in_channels,
                expected,
                weight: weight.to_vec(),
            });
        }
        let axis = |i: usize, axis, size, kernel| {
            Axis {
                op: OP,
                axis,
                size,
                kernel,
                stride: options.stride[i],
                padding: options.padding[i],
                dilation: options.dilation[i],
            }
            .output()
        };
        Ok(Self {
            batch,
            in_channels,
            out_channels,
            input: [height, width],
            kernel: [kh, kw],
            output: [axis(0, "height", height, kh)?, axis(1, "width", width, kw)?],
            options,
        })
    }

    /// `[N, C_out, H', W']`.
    pub fn output_shape(&self) -> [usize; 4] {
        let [height, width] = self.output;
        [self.batch, self.out_channels, height, width]
    }

    /// Taps of one output: `C_in / groups · KH · KW`, the fan-in.
    pub fn taps(&self) -> usize {
        self.in_channels / self.options.groups * self.kernel[0] * self.kernel[1]
    }
}

/// A pooling's sizes, checked: input `[N, C, H, W]`, output `[N, C, H', W']`.
/// There is no padding; rows and columns that no window reaches are left out,
/// as PyTorch does without `ceil_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2dGeometry {
    /// N.
    pub batch: usize,
    /// C.
    pub channels: usize,
    /// `[H, W]`.
    pub input: [usize; 2],
    /// The window, `[down, right]`.
    pub kernel: [usize; 2],
    /// Steps of the window, `[down, right]`.
    pub stride: [usize; 2],
    /// `[H', W']` with `H' = (H - kernel) / stride + 1`.
    pub output: [usize; 2],
}

impl Pool2dGeometry {
    /// Checks that the window fits the input `[N, C, H, W]`.
    ///
    /// # Errors
    /// Another number of axes, a zero, a window larger than the input.
    pub fn new(
        op: &'static str,
        input: &[usize],
        kernel: [usize; 2],
        stride: [usize; 2],
    ) -> Result<Self, ShapeError> {
        let [batch, channels, height, width] = four(op, "input [N, C, H, W]", input)?;
        let axis = |i: usize, axis, size| {
            Axis {
                op,
                axis,
                size,
                kernel: kernel[i],
                stride: stride[i],
                padding: 0,
                dilation: 1,
            }
            .output()
        };
        Ok(Self {
            batch,
            channels,
            input: [height, width],
            kernel,
            stride,
            output: [axis(0, "height", height)?, axis(1, "width", width)?],
        })
    }

    /// `[N, C, H', W']`.
    pub fn output_shape(&self) -> [usize; 4] {
        [self.batch, self.channels, self.output[0], self.output[1]]
    }

    /// Planes of `H·W` values: `N · C`.
    pub fn planes(&self) -> usize {
        self.batch * self.channels
    }
}

/// One axis of a sliding window.
struct Axis {
    op: &'static str,
    axis: &'static str,
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

impl Axis {
    /// Number of places of the window.
    fn output(&self) -> Result<usize, ShapeError> {
        let &Self {
            op,
            axis,
            size,
            kernel,
            stride,
            padding,
            dilation,
        } = self;
        nonzero(op, "kernel size", kernel)?;
        nonzero(op, "stride", stride)?;
        nonzero(op, "dilation", dilation)?;
        let too_large = |what| ShapeError::TooLarge { op, what };
        let window = (kernel - 1)
            .checked_mul(dilation)
            .and_then(|span| span.checked_add(1))
            .ok_or_else(|| too_large("window"))?;
        let padded = padding
            .checked_mul(2)
            .and_then(|both| both.checked_add(size))
            .ok_or_else(|| too_large("padding"))?;
        match padded.checked_sub(window) {
            Some(room) => Ok(room / stride + 1),
            None => Err(ShapeError::Window {
                op,
                axis,
                size,
                padding,
                kernel,
                dilation,
                window,
            }),
        }
    }
}

fn nonzero(op: &'static str, what: &'static str, size: usize) -> Result<(), ShapeError> {
    if size == 0 {
        return Err(ShapeError::Zero { op, what });
    }
    Ok(())
}

fn four(
    op: &'static str,
    expected: &'static str,
    shape: &[usize],
) -> Result<[usize; 4], ShapeError> {
    shape.try_into().map_err(|_| ShapeError::Rank {
        op,
        expected,
        got: shape.to_vec(),
    })
}

#[cfg(test)]
mod tests {
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
}
