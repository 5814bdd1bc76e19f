//! What can go wrong in a run.

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of training or testing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Settings that contradict themselves or make no sense, all at once.
    #[error("{}", .0.join("; "))]
    Config(Vec<String>),
    /// NaN or infinity: nothing that follows would mean anything.
    #[error(
        "{what} is NaN or infinite at step {step}: lower the learning rate, or look at the data"
    )]
    Diverged {
        /// The tensor, for example ``the gradient of `conv1.weight` ``.
        what: String,
        /// The optimizer step, counted from 1.
        step: u64,
    },
    /// NaN or infinity in what a trained model gives.
    #[error("{0} is NaN or infinite: these weights are of no use, the run that made them diverged")]
    NotFinite(&'static str),
    /// A parameter that the loss does not depend on.
    #[error(
        "no gradient reached `{0}`: the loss does not depend on it; leave it out of the optimizer"
    )]
    NoGradient(String),
    /// A checkpoint that cannot be read or written.
    #[error("{}: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A state that does not fit the run: everything that is wrong with it.
    #[error("the state does not fit: {}", .0.join("; "))]
    State(Vec<String>),
    /// A loader without a single batch.
    #[error("there is nothing to {0}: the data set has no batch of that size")]
    NoBatches(&'static str),
    /// An error of the data's.
    #[error(transparent)]
    Data(Box<lenet_data::Error>),
    /// An error of the model's.
    #[error(transparent)]
    Model(Box<lenet_nn::Error>),
    /// An error of candle's.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

// Boxed, so that a result without an error stays small.
impl From<lenet_data::Error> for Error {
    fn from(error: lenet_data::Error) -> Self {
        Self::Data(Box::new(error))
    }
}

impl From<lenet_nn::Error> for Error {
    fn from(error: lenet_nn::Error) -> Self {
        Self::Model(Box::new(error))
    }
}
