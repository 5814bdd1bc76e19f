//! Losses: the mean over the batch of the negative log-likelihood.

use candle_core::{Result, Tensor};

/// What a model's output is, and so which loss belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// On logits: the softmax is inside (PyTorch's `CrossEntropyLoss`).
    CrossEntropy,
    /// On log-probabilities (PyTorch's `NLLLoss`).
    NegativeLogLikelihood,
}

impl Loss {
    /// The loss of `output [N, classes]` at `labels [N]` (u32), a scalar.
    ///
    /// # Errors
    /// Shapes that do not fit, or a label beyond the classes.
    pub fn of(self, output: &Tensor, labels: &Tensor) -> Result<Tensor> {
        match self {
            Self::CrossEntropy => cross_entropy(output, labels),
            Self::NegativeLogLikelihood => nll(output, labels),
        }
    }

    /// [`Loss::of`] with label smoothing ε, PyTorch's `label_smoothing`: `(1 - ε)` of the
    /// loss at the labels and ε of the mean loss over all classes.
    ///
    /// # Errors
    /// As [`Loss::of`]; ε outside [0, 1].
    pub fn smoothed(self, output: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
        match self {
            Self::CrossEntropy => {
                lenet_tensor::cross_entropy::cross_entropy_smoothed(output, labels, smoothing)
            }
            // The softmax of log-probabilities gives them again: the same loss.
            Self::NegativeLogLikelihood if smoothing != 0.0 => {
                lenet_tensor::cross_entropy::cross_entropy_smoothed(output, labels, smoothing)
            }
            Self::NegativeLogLikelihood => nll(output, labels),
        }
    }

    /// One sample's loss in f64, from its row of the output.
    pub fn of_sample(self, output: &[f32], label: usize) -> f64 {
        let at_label = f64::from(output[label]);
        match self {
            Self::CrossEntropy => log_sum_exp(output) - at_label,
            Self::NegativeLogLikelihood => -at_label,
        }
    }
}

/// `mean over n of logsumexp(logits[n]) - logits[n, label]`, from logits
/// `[N, classes]` and labels `[N]` (u32).
///
/// # Errors
/// Shapes that do not fit, or a label beyond the classes.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    lenet_tensor::cross_entropy::cross_entropy(logits, labels)
}

/// `mean over n of -log_probabilities[n, label]`.
///
/// # Errors
/// As [`cross_entropy`].
pub fn nll(log_probabilities: &Tensor, labels: &Tensor) -> Result<Tensor> {
    candle_nn::loss::nll(log_probabilities, labels)
}

/// The probabilities that an output stands for, in f64.
pub fn softmax(output: &[f32]) -> Vec<f64> {
    let total = log_sum_exp(output);
    output
        .iter()
        .map(|&v| (f64::from(v) - total).exp())
        .collect()
}

fn log_sum_exp(values: &[f32]) -> f64 {
    let top = values
        .iter()
        .fold(f64::NEG_INFINITY, |top, &v| top.max(f64::from(v)));
    let sum: f64 = values.iter().map(|&v| (f64::from(v) - top).exp()).sum();
    top + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{D, DType, Device};
    use lenet_tensor::Key;
    use lenet_tensor::testing::{assert_close, check_gradients, uniform};

    fn scalar(t: &Tensor) -> f64 {
        t.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_classes() {
        let logits = Tensor::zeros((3, 10), DType::F32, &Device::Cpu).unwrap();
        let labels = Tensor::new(&[0u32, 5, 9], &Device::Cpu).unwrap();
        // One rounding to f32 of 2.302585.
        assert!((scalar(&cross_entropy(&logits, &labels).unwrap()) - 10f64.ln()).abs() < 1e-6);
        assert!((Loss::CrossEntropy.of_sample(&[0.0; 10], 3) - 10f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn log_softmax_under_cross_entropy_changes_nothing() {
        let logits = uniform(Key::from_seed(1), &[4, 10], DType::F64).unwrap();
        let logits = (logits * 5.0).unwrap();
        let labels = Tensor::new(&[1u32, 0, 7, 9], &Device::Cpu).unwrap();
        let log_probabilities = candle_nn::ops::log_softmax(&logits, D::Minus1).unwrap();
        let expected = scalar(&nll(&log_probabilities, &labels).unwrap());
        for output in [&logits, &log_probabilities] {
            // The same number twice in f64.
            assert!((scalar(&cross_entropy(output, &labels).unwrap()) - expected).abs() < 1e-12);
        }
        let rows = log_probabilities
            .to_dtype(DType::F32)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        let by_sample = |loss: Loss| {
            rows.iter()
                .zip([1, 0, 7, 9])
                .map(|(row, label)| loss.of_sample(row, label))
                .sum::<f64>()
                / 4.0
        };
        // The rows were rounded to f32.
        assert!((by_sample(Loss::CrossEntropy) - expected).abs() < 1e-6);
        assert!((by_sample(Loss::NegativeLogLikelihood) - expected).abs() < 1e-6);
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let row = [1000f32, -1000., 0.];
        assert_eq!(Loss::CrossEntropy.of_sample(&row, 0), 0.0);
        assert_eq!(Loss::CrossEntropy.of_sample(&row, 1), 2000.0);
        assert_close(&softmax(&row), &[1f64, 0., 0.], 0.0);
        let logits = Tensor::new(&[row], &Device::Cpu).unwrap();
        let labels = Tensor::new(&[1u32], &Device::Cpu).unwrap();
        assert_eq!(scalar(&cross_entropy(&logits, &labels).unwrap()), 2000.0);
    }

    #[test]
    fn smoothing_is_the_same_for_both_losses() {
        let logits = uniform(Key::from_seed(1), &[4, 10], DType::F64).unwrap();
        let labels = Tensor::new(&[1u32, 0, 7, 9], &Device::Cpu).unwrap();
        let log_probabilities = candle_nn::ops::log_softmax(&logits, D::Minus1).unwrap();
        for smoothing in [0.0, 0.1] {
            let smoothed =
                |loss: Loss, output| scalar(&loss.smoothed(output, &labels, smoothing).unwrap());
            let [a, b] = [
                smoothed(Loss::CrossEntropy, &logits),
                smoothed(Loss::NegativeLogLikelihood, &log_probabilities),
            ];
            // The same number twice in f64.
            assert!((a - b).abs() < 1e-12);
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let logits = uniform(Key::from_seed(2), &[3, 5], DType::F64).unwrap();
        let labels = Tensor::new(&[4u32, 0, 2], &Device::Cpu).unwrap();
        check_gradients(&[logits], |x| cross_entropy(&x[0], &labels)).unwrap();
    }
}
