//! Testing: gradients off and evaluation mode, which are two different things.

use candle_core::Tensor;
use candle_nn::ModuleT;
use lenet_data::{Batch, Loader};
use lenet_nn::loss::Loss;
use lenet_tensor::no_grad;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::metrics::Tally;

/// What a model does on a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Losses and hits.
    pub tally: Tally,
    /// `confusion[label][prediction]`: how many samples.
    pub confusion: Vec<Vec<u64>>,
}

/// How well a class is told from the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClassReport {
    /// The class.
    pub class: usize,
    /// Of the samples said to be of this class, the share that are. `None` when
    /// none was.
    pub precision: Option<f64>,
    /// Of the samples of this class, the share that were said to be. `None` when
    /// there are none.
    pub recall: Option<f64>,
    /// Samples of this class.
    pub samples: u64,
}

impl Evaluation {
    /// Precision and recall of each class.
    pub fn per_class(&self) -> Vec<ClassReport> {
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let classes = 0..self.confusion.len();
        classes
            .map(|class| {
                let hits = self.confusion[class][class];
                let samples = self.confusion[class].iter().sum();
                let said = self.confusion.iter().map(|row| row[class]).sum();
                ClassReport {
                    class,
                    precision: share(hits, said),
                    recall: share(hits, samples),
                    samples,
                }
            })
            .collect()
    }
}

/// Runs the model over all batches of `data` in evaluation mode and without
/// gradients: Dropout keeps everything, BatchNorm uses its running statistics,
/// no graph is kept. To set one without the other, call the model's `forward_t`
/// with or without [`no_grad`] yourself.
///
/// # Errors
/// [`Error::NoBatches`], [`Error::NotFinite`] at the first batch whose loss is NaN
/// or infinite, or those of data and model.
pub fn evaluate(model: &dyn ModuleT, loss: Loss, data: &Loader<'_>) -> Result<Evaluation> {
    evaluate_each(model, loss, data, |_, _| Ok(()))
}

/// As [`evaluate`]; `each` is told of every batch and of what the model made of it.
pub(crate) fn evaluate_each(
    model: &dyn ModuleT,
    loss: Loss,
    data: &Loader<'_>,
    mut each: impl FnMut(&Batch, &Tensor) -> Result<()>,
) -> Result<Evaluation> {
    if data.batch_count() == 0 {
        return Err(Error::NoBatches("evaluate"));
    }
    let mut tally = Tally::default();
    let mut confusion = vec![vec![0; lenet_nn::models::CLASSES]; lenet_nn::models::CLASSES];
    for batch in data.batches(0) {
        let batch = batch?;
        let output = no_grad(|| model.forward_t(&batch.images, false))?;
        each(&batch, &output)?;
        tally.add(&Tally::of_batch(
            loss,
            &output,
            &batch.labels,
            |label, said| {
                confusion[label][said] += 1;
            },
        )?);
        if !tally.loss_sum.is_finite() {
            return Err(Error::NotFinite("the loss of the evaluated samples"));
        }
    }
    Ok(Evaluation { tally, confusion })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_and_recall_by_hand() {
        let evaluation = Evaluation {
            tally: Tally::default(),
            // Of class 0: 3 right, 1 taken for class 1; of class 1: 2 taken for 0.
            confusion: vec![vec![3, 1, 0], vec![2, 0, 0], vec![0, 0, 0]],
        };
        let report = evaluation.per_class();
        assert_eq!(
            (report[0].precision, report[0].recall, report[0].samples),
            (Some(0.6), Some(0.75), 4)
        );
        assert_eq!(
            (report[1].precision, report[1].recall),
            (Some(0.0), Some(0.0))
        );
        assert_eq!((report[2].precision, report[2].recall), (None, None));
    }
}
