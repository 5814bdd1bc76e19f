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
    /// the channels, channels that differ, a window larger than the input, padding
    /// that makes more of it than the machine can address.
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
        let output = [axis(0, "height", height, kh)?, axis(1, "width", width, kw)?];
        nonzero(OP, "input height", height)?;
        nonzero(OP, "input width", width)?;
        let [down, right] = options.padding;
        addressable(
            OP,
            "padded input",
            [in_channels, height + 2 * down, width + 2 * right],
        )?;
        addressable(OP, "output", [batch, out_channels, output[0], output[1]])?;
        Ok(Self {
            batch,
            in_channels,
            out_channels,
            input: [height, width],
            kernel: [kh, kw],
            output,
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

/// Whether a tensor of these sizes, in f64, has an address for every byte; that of a
/// batch of none for one sample.
fn addressable<const N: usize>(
    op: &'static str,
    what: &'static str,
    sizes: [usize; N],
) -> Result<(), ShapeError> {
    let mut bytes = std::iter::once(size_of::<f64>()).chain(sizes.map(|size| size.max(1)));
    let total = bytes.try_fold(1usize, usize::checked_mul);
    match total.map(isize::try_from) {
        Some(Ok(_)) => Ok(()),
        _ => Err(ShapeError::TooLarge { op, what }),
    }
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
#[path = "geometry_tests.rs"]
mod tests;
