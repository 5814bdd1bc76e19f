//! Which samples a network gets wrong, the worst first.

use candle_core::Tensor;
use candle_nn::ModuleT;
use lenet_data::{Batch, Loader};
use lenet_nn::loss::{Loss, softmax};
use lenet_tensor::no_grad;
use serde::Serialize;

use crate::error::Result;
use crate::evaluate::{Evaluation, evaluate_each};
use crate::metrics::each_sample;

/// A sample that was taken for another class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mistake {
    /// Its place in the split.
    pub index: usize,
    /// What it is.
    pub label: usize,
    /// What it was taken for.
    pub prediction: usize,
    /// How sure the network was of that, from 0 to 1.
    pub probability: f64,
    /// The sample's loss: the larger, the less the network believed the label.
    pub loss: f64,
}

/// The samples of `data` that the model gets wrong in evaluation mode, those of the
/// largest loss first (of equal ones the earlier sample), at most `most` of them.
///
/// # Errors
/// Those of data and model.
pub fn mistakes(
    model: &dyn ModuleT,
    loss: Loss,
    data: &Loader<'_>,
    most: usize,
) -> Result<Vec<Mistake>> {
    let mut found = Vec::new();
    for batch in data.batches(0) {
        let batch = batch?;
        let output = no_grad(|| model.forward_t(&batch.images, false))?;
        find(loss, &batch, &output, &mut found)?;
    }
    Ok(worst(found, most))
}

/// [`evaluate`](crate::evaluate) and [`mistakes`] in one go: each batch goes through the
/// model once.
///
/// # Errors
/// As [`evaluate`](crate::evaluate).
pub fn evaluate_with_mistakes(
    model: &dyn ModuleT,
    loss: Loss,
    data: &Loader<'_>,
    most: usize,
) -> Result<(Evaluation, Vec<Mistake>)> {
    let mut found = Vec::new();
    let evaluation = evaluate_each(model, loss, data, |batch, output| {
        find(loss, batch, output, &mut found)
    })?;
    Ok((evaluation, worst(found, most)))
}

/// Adds the mistakes of a batch.
fn find(loss: Loss, batch: &Batch, output: &Tensor, found: &mut Vec<Mistake>) -> Result<()> {
    let mut indices = batch.indices.iter();
    each_sample(output, &batch.labels, |row, label, prediction| {
        let index = indices.next();
        if let (Some(&index), true) = (index, prediction != label) {
            found.push(Mistake {
                index,
                label,
                prediction,
                // The softmax of log-probabilities gives the probabilities again.
                probability: softmax(row)[prediction],
                loss: loss.of_sample(row, label),
            });
        }
    })?;
    Ok(())
}

fn worst(mut found: Vec<Mistake>, most: usize) -> Vec<Mistake> {
    found.sort_by(|a, b| b.loss.total_cmp(&a.loss).then(a.index.cmp(&b.index)));
    found.truncate(most);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate;
    use candle_core::Result as Candle;
    use lenet_data::{Split, Transform};

    /// Says the class of an image's first pixel, as surely as its second.
    struct Reads;

    impl ModuleT for Reads {
        fn forward_t(&self, x: &Tensor, _: bool) -> Candle<Tensor> {
            let rows = x.flatten_from(1)?.to_vec2::<f32>()?;
            let logits = rows.iter().flat_map(|row| {
                let said = (row[0] * 255.0).round() as usize;
                (0..10).map(move |class| if class == said { row[1] } else { 0.0 })
            });
            Tensor::from_vec(logits.collect(), (rows.len(), 10), x.device())
        }
    }

    fn split(samples: &[(u8, u8, u8)]) -> Split {
        let images = samples.iter().flat_map(|&(_, said, surely)| {
            let mut image = [0; 28 * 28];
            (image[0], image[1]) = (said, surely);
            image
        });
        let labels = samples.iter().map(|&(label, ..)| label);
        Split::new(images.collect(), labels.collect()).unwrap()
    }

    #[test]
    fn the_worst_come_first_whatever_the_batches() {
        // Label, what is said, how surely.
        let split = split(&[(3, 3, 255), (4, 9, 20), (5, 6, 255), (1, 7, 255), (2, 2, 9)]);
        for batch_size in [1, 2, 5] {
            let data = Loader::new(&split, Transform::default(), batch_size).unwrap();
            let found = mistakes(&Reads, Loss::CrossEntropy, &data, 10).unwrap();
            let seen: Vec<_> = (found.iter())
                .map(|m| (m.index, m.label, m.prediction))
                .collect();
            assert_eq!(seen, [(2, 5, 6), (3, 1, 7), (1, 4, 9)]);
            // One logit of 1, nine of 0.
            let sure = 1f64.exp() / (1f64.exp() + 9.0);
            assert!((found[0].probability - sure).abs() < 1e-12, "all in f64");
            let two = mistakes(&Reads, Loss::CrossEntropy, &data, 2).unwrap();
            assert_eq!(two, found[..2]);
            let both = evaluate_with_mistakes(&Reads, Loss::CrossEntropy, &data, 10).unwrap();
            let evaluation = evaluate(&Reads, Loss::CrossEntropy, &data).unwrap();
            assert_eq!(both, (evaluation, found));
        }
    }
}
