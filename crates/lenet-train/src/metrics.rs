//! Sums over samples: losses in f64, counts in u64, means by sample, so that a
//! short last batch weighs what it holds.

use candle_core::{DType, Tensor};
use lenet_nn::loss::Loss;
use lenet_tensor::reduce::argmax;
use serde::{Deserialize, Serialize};

/// Losses and hits of the samples counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// The sum of the samples' losses.
    pub loss_sum: f64,
    /// Samples whose label had the largest output, the first one on ties.
    pub correct: u64,
    /// Samples.
    pub samples: u64,
}

impl Tally {
    /// Counts a batch: `output [N, classes]`, `labels [N]` (u32). `each` is told
    /// every sample's label and prediction.
    ///
    /// # Errors
    /// Those of candle for other shapes or dtypes.
    pub fn of_batch(
        loss: Loss,
        output: &Tensor,
        labels: &Tensor,
        mut each: impl FnMut(usize, usize),
    ) -> candle_core::Result<Self> {
        let mut tally = Self::default();
        each_sample(output, labels, |row, label, predicted| {
            tally.loss_sum += loss.of_sample(row, label);
            tally.correct += u64::from(predicted == label);
            tally.samples += 1;
            each(label, predicted);
        })?;
        Ok(tally)
    }

    /// Counts a batch whose mean loss, a scalar, is known.
    ///
    /// # Errors
    /// As [`Tally::of_batch`].
    pub fn of_step(loss: &Tensor, output: &Tensor, labels: &Tensor) -> candle_core::Result<Self> {
        let mut tally = Self::default();
        each_sample(output, labels, |_, label, predicted| {
            tally.correct += u64::from(predicted == label);
            tally.samples += 1;
        })?;
        let mean = loss.detach().to_dtype(DType::F64)?.to_scalar::<f64>()?;
        tally.loss_sum = mean * tally.samples as f64;
        Ok(tally)
    }

    /// Adds what another tally counted.
    pub fn add(&mut self, other: &Self) {
        self.loss_sum += other.loss_sum;
        self.correct += other.correct;
        self.samples += other.samples;
    }

    /// Mean loss by sample; NaN for no samples.
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.samples as f64
    }

    /// Share of the samples that were right; NaN for no samples.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.samples as f64
    }
}

/// Calls `f` with each sample's row of the output, its label and the prediction.
pub(crate) fn each_sample(
    output: &Tensor,
    labels: &Tensor,
    mut f: impl FnMut(&[f32], usize, usize),
) -> candle_core::Result<()> {
    let (_, classes) = output.dims2()?;
    let rows = output.detach().to_dtype(DType::F32)?.flatten_all()?;
    let labels = labels.to_vec1::<u32>()?;
    for (row, &label) in rows
        .to_vec1::<f32>()?
        .chunks_exact(classes.max(1))
        .zip(&labels)
    {
        let label = label as usize;
        if label >= classes {
            candle_core::bail!("label {label}, expected less than {classes} classes");
        }
        f(row, label, argmax(row).unwrap_or_default());
    }
    Ok(())
}

/// An epoch in numbers: a line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// The epoch, from 1.
    pub epoch: u64,
    /// Optimizer steps so far.
    pub step: u64,
    /// The learning rate of the last step.
    pub lr: f64,
    /// Mean loss of the epoch's samples, each before the step that learnt it.
    pub train_loss: f64,
    /// Share of them that were right.
    pub train_accuracy: f64,
    /// Mean loss on the validation split, where there is one.
    pub val_loss: Option<f64>,
    /// Accuracy on the validation split, where there is one.
    pub val_accuracy: Option<f64>,
    /// Seconds of training alone.
    pub train_seconds: f64,
    /// Samples trained in one of these seconds.
    pub samples_per_second: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn tally(rows: &[[f32; 3]], labels: &[u32]) -> Tally {
        let output = Tensor::from_vec(rows.concat(), (rows.len(), 3), &Device::Cpu).unwrap();
        let labels = Tensor::new(labels, &Device::Cpu).unwrap();
        Tally::of_batch(Loss::CrossEntropy, &output, &labels, |_, _| {}).unwrap()
    }

    #[test]
    fn a_short_batch_weighs_what_it_holds() {
        let (easy, hard) = ([9., 0., 0.], [0., 0., 9.]);
        let mut all = tally(&[easy, easy, easy], &[0, 0, 0]);
        all.add(&tally(&[hard], &[0]));
        assert_eq!((all.correct, all.samples), (3, 4));
        assert_eq!(all.accuracy(), 0.75);
        let single = |row, label| Loss::CrossEntropy.of_sample(row, label);
        let mean = (3.0 * single(&easy, 0) + single(&hard, 0)) / 4.0;
        // The same four f64 numbers, summed in the same order but for 3·x.
        assert!((all.loss() - mean).abs() < 1e-12);
    }

    #[test]
    fn ties_go_to_the_first_class_and_nan_is_seen() {
        assert_eq!(tally(&[[1., 1., 0.]], &[0]).correct, 1);
        assert_eq!(tally(&[[1., 1., 0.]], &[1]).correct, 0);
        assert!(tally(&[[f32::NAN, 1., 0.]], &[1]).loss().is_nan());
    }

    #[test]
    fn a_step_counts_what_its_batch_does() {
        let output = Tensor::new(&[[1f32, 2., 0.], [0., 0., 3.]], &Device::Cpu).unwrap();
        let labels = Tensor::new(&[1u32, 0], &Device::Cpu).unwrap();
        let loss = Loss::CrossEntropy.of(&output, &labels).unwrap();
        let step = Tally::of_step(&loss, &output, &labels).unwrap();
        let batch = Tally::of_batch(Loss::CrossEntropy, &output, &labels, |_, _| {}).unwrap();
        assert_eq!((step.correct, step.samples), (batch.correct, batch.samples));
        // The loss tensor is f32.
        assert!((step.loss() - batch.loss()).abs() < 1e-6);
    }

    #[test]
    fn a_label_beyond_the_classes_is_refused() {
        let output = Tensor::new(&[[0f32, 1.]], &Device::Cpu).unwrap();
        let labels = Tensor::new(&[2u32], &Device::Cpu).unwrap();
        let error = Tally::of_batch(Loss::CrossEntropy, &output, &labels, |_, _| {}).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("label 2, expected less than 2 classes")
        );
    }
}
