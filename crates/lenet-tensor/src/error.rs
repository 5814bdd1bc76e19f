//! What can be wrong with a shape or a device, said so that it can be mended.

/// Shapes that do not fit together, found when a model is built or an operation
/// is called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// The operation wants another number of axes.
    #[error("{op}: expected {expected}, got {got:?} ({} axes)", got.len())]
    Rank {
        /// The operation.
        op: &'static str,
        /// The axes that it wants, for example `[N, C, H, W]`.
        expected: &'static str,
        /// The shape that it was given.
        got: Vec<usize>,
    },
    /// Input and weight disagree on channels or features.
    #[error("{op}: input has {got} {axis} but weight expects {expected} (weight {weight:?})")]
    Channels {
        /// The operation.
        op: &'static str,
        /// What is counted: `channels` or `features`.
        axis: &'static str,
        /// What the input has.
        got: usize,
        /// What the weight wants.
        expected: usize,
        /// The weight's shape.
        weight: Vec<usize>,
    },
    /// The bias does not have one value per output channel.
    #[error("{op}: bias {bias:?} should be [{expected}], one value per output")]
    Bias {
        /// The operation.
        op: &'static str,
        /// The bias's shape.
        bias: Vec<usize>,
        /// The number of outputs.
        expected: usize,
    },
    /// The window does not fit into the padded input.
    #[error(
        "{op}: a window of {window} (kernel {kernel}, dilation {dilation}) does not fit the \
         {axis} of {size} (padding {padding}): use a smaller kernel or more padding"
    )]
    Window {
        /// The operation.
        op: &'static str,
        /// `height` or `width`.
        axis: &'static str,
        /// The input's size along the axis.
        size: usize,
        /// Padding on each side.
        padding: usize,
        /// The kernel's size.
        kernel: usize,
        /// The kernel's dilation.
        dilation: usize,
        /// What the kernel spans: `dilation · (kernel - 1) + 1`.
        window: usize,
    },
    /// A size that has to be at least one is zero.
    #[error("{op}: {what} is 0, it must be at least 1")]
    Zero {
        /// The operation or layer.
        op: &'static str,
        /// What is zero.
        what: &'static str,
    },
    /// Groups have to divide the channels on both sides.
    #[error("{op}: {groups} groups do not divide {channels} {side} channels")]
    Groups {
        /// The operation.
        op: &'static str,
        /// The groups.
        groups: usize,
        /// The channels that they should divide.
        channels: usize,
        /// `input` or `output`.
        side: &'static str,
    },
    /// A size does not fit into this machine's `usize`.
    #[error("{op}: the {what} is too large for this machine")]
    TooLarge {
        /// The operation.
        op: &'static str,
        /// The size.
        what: &'static str,
    },
    /// Any other disagreement, in one line.
    #[error("{op}: expected {expected}, got {got}")]
    Other {
        /// The operation.
        op: &'static str,
        /// What should be there.
        expected: String,
        /// What is there.
        got: String,
    },
}

impl From<ShapeError> for candle_core::Error {
    fn from(error: ShapeError) -> Self {
        Self::wrap(error)
    }
}

/// A device that cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name is none of the known ones.
    #[error("unknown device `{0}`: expected auto, cpu, cuda or cuda:N")]
    Unknown(String),
    /// CUDA was asked for by name and is not there.
    #[error(
        "device cuda:{ordinal}: {reason}; use --device cpu, or build with --features cuda on a machine with a GPU"
    )]
    Cuda {
        /// The GPU's number.
        ordinal: usize,
        /// What candle says.
        reason: String,
    },
}
