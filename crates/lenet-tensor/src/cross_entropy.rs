//! Cross-entropy on logits: softmax and negative log-likelihood as one operation.
//! Its loops run in f64, so that no logit is too large; ten classes are too few to
//! gain anything from vectors.

use std::sync::OnceLock;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, WithDType};

use crate::ShapeError;
use crate::grad_mode::records;
use crate::storage::{Element, dispatch, values, with_values};

const OP: &str = "cross_entropy";

/// `mean over n of log Σ exp(logits[n]) - logits[n, labels[n]]`, PyTorch's
/// `CrossEntropyLoss`.
///
/// - `logits: [N, classes]`, f32 or f64
/// - `labels: [N]`, u32
/// - → a scalar; NaN for no samples, as the mean of nothing
///
/// # Errors
/// Shapes that do not fit together, a label beyond the classes.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    cross_entropy_smoothed(logits, labels, 0.0)
}

/// [`cross_entropy`] with label smoothing ε (Szegedy et al. 2016): the target gives each
/// class ε / classes and the label what is left, so a row's loss is `(1 - ε)` of its own
/// and ε of the mean of `-log p` over the classes. PyTorch's
/// `CrossEntropyLoss(label_smoothing=ε)`.
///
/// # Errors
/// As [`cross_entropy`]; ε outside [0, 1].
pub fn cross_entropy_smoothed(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    if !(0.0..=1.0).contains(&smoothing) {
        return Err(ShapeError::Other {
            op: OP,
            expected: "a label smoothing from 0 to 1".to_owned(),
            got: smoothing.to_string(),
        }
        .into());
    }
    let &[rows, classes] = logits.dims() else {
        return Err(ShapeError::Rank {
            op: OP,
            expected: "logits [N, classes]",
            got: logits.dims().to_vec(),
        }
        .into());
    };
    if labels.dims() != [rows] {
        return Err(ShapeError::Other {
            op: OP,
            expected: format!("labels [{rows}], one for each row of the logits"),
            got: format!("{:?}", labels.dims()),
        }
        .into());
    }
    if !logits.device().is_cpu() {
        return composed(logits, labels, smoothing);
    }
    let labels = labels.to_vec1::<u32>()?;
    if let Some(label) = labels.iter().find(|&&label| label as usize >= classes) {
        return Err(ShapeError::Other {
            op: OP,
            expected: format!("labels below {classes}, the number of classes"),
            got: label.to_string(),
        }
        .into());
    }
    let logits = logits.contiguous()?;
    let op = CrossEntropy {
        labels,
        classes,
        smoothing,
        probabilities: OnceLock::new(),
    };
    if records(&[&logits]) {
        logits.apply_op1(op)
    } else {
        logits.apply_op1_no_bwd(&op)
    }
}

/// The same through candle's own operations, for other devices.
fn composed(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    let top = logits.max_keepdim(1)?.detach();
    let shifted = logits.broadcast_sub(&top)?;
    let log_sums = shifted.exp()?.sum_keepdim(1)?.log()?;
    let at_labels = shifted.gather(&labels.unsqueeze(1)?, 1)?;
    let aims = if smoothing == 0.0 {
        at_labels
    } else {
        ((at_labels * (1.0 - smoothing))? + (shifted.mean_keepdim(1)? * smoothing)?)?
    };
    (log_sums - aims)?.mean_all()
}

struct CrossEntropy {
    labels: Vec<u32>,
    classes: usize,
    smoothing: f64,
    /// `softmax(logits)`; forward leaves it for backward.
    probabilities: OnceLock<Vec<f64>>,
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        OP
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        dispatch!(storage.dtype(), OP, T => {
            let logits = values::<T>(storage, layout, OP)?;
            let mut probabilities = Vec::with_capacity(logits.len());
            let mut total = 0.0;
            for (row, &label) in logits.chunks_exact(self.classes.max(1)).zip(&self.labels) {
                let start = probabilities.len();
                let log_sum = softmax(row, &mut probabilities);
                debug_assert_eq!(probabilities.len(), start + self.classes);
                total += log_sum - self.aim(row, label);
            }
            let mean = <T as WithDType>::from_f64(total / self.labels.len() as f64);
            // Once per op: each call makes a new one.
            let _ = self.probabilities.set(probabilities);
            Ok((T::to_cpu_storage_owned(vec![mean]), Shape::from(())))
        })
    }

    fn bwd(&self, logits: &Tensor, _loss: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let Some(probabilities) = self.probabilities.get() else {
            return Err(candle_core::Error::Msg(format!("{OP}: backward before forward")).bt());
        };
        dispatch!(logits.dtype(), OP, T => {
            let scale = with_values::<T, _>(grad, OP, |grad| WithDType::to_f64(grad[0]))? / self.labels.len() as f64;
            let [kept, shared] = self.target();
            let mut gradient: Vec<T> = probabilities.iter().map(|p| <T as WithDType>::from_f64((p - shared) * scale)).collect();
            for (n, &label) in self.labels.iter().enumerate() {
                let at = n * self.classes + label as usize;
                gradient[at] = <T as WithDType>::from_f64((probabilities[at] - shared - kept) * scale);
            }
            Tensor::from_vec(gradient, logits.shape(), logits.device()).map(Some)
        })
    }
}

impl CrossEntropy {
    /// What of the target the label has for itself, and what each class has.
    fn target(&self) -> [f64; 2] {
        [1.0 - self.smoothing, self.smoothing / self.classes as f64]
    }

    /// The logits' mean under the target.
    fn aim<T: Element>(&self, row: &[T], label: u32) -> f64 {
        let at_label = WithDType::to_f64(row[label as usize]);
        if self.smoothing == 0.0 {
            // Nor does 0 · ∞ make a NaN of another class.
            return at_label;
        }
        let [kept, shared] = self.target();
        let all: f64 = row.iter().map(|&v| WithDType::to_f64(v)).sum();
        kept * at_label + shared * all
    }
}

/// Appends `softmax(row)`; the logarithm of the sum of `exp(row)`.
fn softmax<T: Element>(row: &[T], probabilities: &mut Vec<f64>) -> f64 {
    let start = probabilities.len();
    let top = row
        .iter()
        .fold(f64::NEG_INFINITY, |top, &v| top.max(WithDType::to_f64(v)));
    probabilities.extend(row.iter().map(|&v| (WithDType::to_f64(v) - top).exp()));
    let sum: f64 = probabilities[start..].iter().sum();
    for p in &mut probabilities[start..] {
        *p /= sum;
    }
    top + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;
    use crate::testing::{assert_close, check_gradients, uniform};
    use candle_core::{DType, Device, Var};
    use proptest::prelude::*;

    fn scalar(t: &Tensor) -> f64 {
        t.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
    }

    fn labels(labels: &[u32]) -> Tensor {
        Tensor::new(labels, &Device::Cpu).unwrap()
    }

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_classes() {
        let logits = Tensor::zeros((3, 10), DType::F32, &Device::Cpu).unwrap();
        // One rounding to f32 of 2.302585.
        assert!(
            (scalar(&cross_entropy(&logits, &labels(&[0, 5, 9])).unwrap()) - 10f64.ln()).abs()
                < 1e-6
        );
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let logits = Var::new(&[[1000f32, -1000., 0.]], &Device::Cpu).unwrap();
        let loss = cross_entropy(&logits, &labels(&[1])).unwrap();
        assert_eq!(scalar(&loss), 2000.0);
        let gradient = loss
            .backward()
            .unwrap()
            .get(&logits)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        assert_eq!(gradient, [[1., -1., 0.]]);
        let nan = Tensor::new(&[[f32::NAN, 0.]], &Device::Cpu).unwrap();
        assert!(scalar(&cross_entropy(&nan, &labels(&[1])).unwrap()).is_nan());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let logits = Tensor::zeros((2, 10), DType::F32, &Device::Cpu).unwrap();
        let error = |labels: &Tensor| cross_entropy(&logits, labels).unwrap_err().to_string();
        assert!(error(&labels(&[1])).contains("expected labels [2]"));
        assert!(
            error(&labels(&[1, 10]))
                .contains("expected labels below 10, the number of classes, got 10")
        );
        assert!(cross_entropy(&logits.flatten_all().unwrap(), &labels(&[1])).is_err());
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let logits = uniform(Key::from_seed(2), &[3, 5], DType::F64).unwrap();
        let labels = labels(&[4, 0, 2]);
        for f in [cross_entropy_smoothed, composed] {
            for smoothing in [0.0, 0.1, 1.0] {
                check_gradients(std::slice::from_ref(&logits), |x| {
                    f(&x[0], &labels, smoothing)
                })
                .unwrap();
            }
        }
    }

    #[test]
    fn smoothing_mixes_the_label_with_all_classes() {
        let logits = uniform(Key::from_seed(3), &[3, 5], DType::F64).unwrap();
        let [plain, half, all] = [0.0, 0.5, 1.0].map(|s| {
            let loss = cross_entropy_smoothed(&logits, &labels(&[4, 0, 2]), s).unwrap();
            let composed = composed(&logits, &labels(&[4, 0, 2]), s).unwrap();
            // The same few sums of f64 in another order.
            assert!((scalar(&loss) - scalar(&composed)).abs() < 1e-14);
            scalar(&loss)
        });
        assert!((half - (plain + all) / 2.0).abs() < 1e-14);
        // Every label once: the mean over the labels is that over the classes.
        let by_label =
            (0..5).map(|label| scalar(&cross_entropy(&logits, &labels(&[label; 3])).unwrap()));
        assert!((all - by_label.sum::<f64>() / 5.0).abs() < 1e-14);
        for wrong in [-0.1, 1.1, f64::NAN] {
            let error = cross_entropy_smoothed(&logits, &labels(&[4, 0, 2]), wrong).unwrap_err();
            assert!(
                error.to_string().contains("a label smoothing from 0 to 1"),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn f32_is_f64_rounded(rows in 1usize..9, classes in 1usize..12, scale in 0f64..50., seed: u64) {
            let key = Key::from_seed(seed);
            let logits = (uniform(key, &[rows, classes], DType::F32).unwrap() * scale).unwrap();
            let drawn: Vec<u32> = (0..rows).map(|n| (n * 7 % classes) as u32).collect();
            let run = |logits: &Tensor| {
                let logits = Var::from_tensor(logits).unwrap();
                let loss = cross_entropy(&logits, &labels(&drawn)).unwrap();
                let gradients = loss.backward().unwrap();
                let gradient = gradients.get(&logits).unwrap().flatten_all().unwrap();
                (scalar(&loss), gradient.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap())
            };
            let (loss, gradient) = run(&logits);
            let (exact, exact_gradient) = run(&logits.to_dtype(DType::F64).unwrap());
            // One rounding to f32 at the end, and one of 1/N.
            assert_close(&[loss], &[exact], 2e-7);
            assert_close(&gradient, &exact_gradient, 2e-7);
        }
    }
}
