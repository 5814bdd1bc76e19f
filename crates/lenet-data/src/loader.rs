//! Batches in a seeded order, each sample once an epoch.

use candle_core::{Device, Tensor};
use lenet_tensor::random::Key;
use rayon::prelude::*;

use crate::augment::{Augmenter, EpochAugmenter};
use crate::error::{Error, Result};
use crate::mnist::PIXELS;
use crate::split::Split;
use crate::transform::{Table, Transform};

/// Some samples as a network takes them.
#[derive(Clone, Debug)]
pub struct Batch {
    /// f32 `[B, 1, H, W]`, with `H = W = 28 + 2 · padding`.
    pub images: Tensor,
    /// u32 `[B]`, each 0 to 9.
    pub labels: Tensor,
    /// Where each sample stands in the split, `[B]`.
    pub indices: Vec<usize>,
}

/// Cuts a split into batches. Bytes become f32 only as a batch is made, so an
/// epoch takes no more memory than one batch and an order.
///
/// ```
/// use candle_core::Device;
/// use lenet_data::{Loader, Split, Transform};
/// use lenet_tensor::random::Key;
///
/// let split = Split::new(vec![0; 10 * 784], (0..10).collect())?;
/// let loader = Loader::new(&split, Transform::default(), 4)?.shuffle(Key::from_seed(1));
/// for batch in loader.batches(0) {
///     let batch = batch?;
///     assert_eq!(batch.images.dims(), [batch.indices.len(), 1, 28, 28]);
/// }
/// assert_eq!(loader.batch_count(), 3); // 4, 4 and the last 2
/// # Ok::<(), lenet_data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Loader<'a> {
    split: &'a Split,
    table: Table,
    batch_size: usize,
    key: Option<Key>,
    augmenter: Option<Augmenter>,
    drop_last: bool,
    device: Device,
}

impl<'a> Loader<'a> {
    /// Batches of `batch_size` samples of `split`, in its own order, on the
    /// CPU, the last short one kept.
    ///
    /// # Errors
    /// [`Error::BatchSize`] if `batch_size` is 0.
    pub fn new(split: &'a Split, transform: Transform, batch_size: usize) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::BatchSize);
        }
        Ok(Self {
            split,
            table: Table::new(transform),
            batch_size,
            key: None,
            augmenter: None,
            drop_last: false,
            device: Device::Cpu,
        })
    }

    /// Takes the samples in a new order each epoch:
    /// `key.fold_in_index(epoch).permutation(n)`.
    #[must_use]
    pub fn shuffle(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// Draws each image anew in each epoch.
    #[must_use]
    pub fn augment(mut self, augmenter: Augmenter) -> Self {
        self.augmenter = Some(augmenter);
        self
    }

    /// Whether to leave out the last batch where it is short.
    #[must_use]
    pub fn drop_last(mut self, drop_last: bool) -> Self {
        self.drop_last = drop_last;
        self
    }

    /// Where the tensors are made.
    #[must_use]
    pub fn device(mut self, device: &Device) -> Self {
        self.device = device.clone();
        self
    }

    /// How many batches an epoch has.
    pub fn batch_count(&self) -> usize {
        if self.drop_last {
            self.split.len() / self.batch_size
        } else {
            self.split.len().div_ceil(self.batch_size)
        }
    }

    /// How many samples an epoch has: all of them, less those of a dropped
    /// last batch.
    pub fn sample_count(&self) -> usize {
        self.split
            .len()
            .min(self.batch_count().saturating_mul(self.batch_size))
    }

    /// The batches of one epoch. An item is an error only if candle cannot make
    /// its tensors, [`Error::Tensor`].
    pub fn batches(&self, epoch: u64) -> impl ExactSizeIterator<Item = Result<Batch>> {
        self.batches_from(epoch, 0)
    }

    /// The batches of one epoch without the `first` ones, which are not even made.
    pub fn batches_from(
        &self,
        epoch: u64,
        first: usize,
    ) -> impl ExactSizeIterator<Item = Result<Batch>> {
        let order = self.order(epoch);
        let augmenter = self.augmenter.as_ref().map(|a| a.epoch(epoch));
        (first.min(self.batch_count())..self.batch_count()).map(move |number| {
            let start = number * self.batch_size;
            let end = order.len().min(start.saturating_add(self.batch_size));
            self.batch(&order[start..end], augmenter.as_ref())
        })
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        match self.key {
            Some(key) => key.fold_in_index(epoch).permutation(self.split.len()),
            None => (0..self.split.len()).collect(),
        }
    }

    fn batch(&self, indices: &[usize], augmenter: Option<&EpochAugmenter<'_>>) -> Result<Batch> {
        let side = self.table.side();
        let mut images = Vec::with_capacity(indices.len() * side * side);
        match augmenter {
            Some(augmenter) => self.push_drawn(indices, augmenter, &mut images),
            None => {
                for &index in indices {
                    self.table.push(self.split.image(index), &mut images);
                }
            }
        }
        let labels: Vec<u32> = indices
            .iter()
            .map(|&i| u32::from(self.split.label(i)))
            .collect();
        Ok(Batch {
            images: Tensor::from_vec(images, (indices.len(), 1, side, side), &self.device)?,
            labels: Tensor::from_vec(labels, indices.len(), &self.device)?,
            indices: indices.to_vec(),
        })
    }

    /// Drawing takes microseconds an image, so the threads share it; what is drawn
    /// does not depend on them.
    fn push_drawn(&self, indices: &[usize], augmenter: &EpochAugmenter<'_>, out: &mut Vec<f32>) {
        /// Images a task: some ten microseconds.
        const AT_ONCE: usize = 8;

        let draw = |&index: &usize| augmenter.apply(self.split.image(index), index);
        let drawn: Vec<[u8; PIXELS]> = indices.par_iter().with_min_len(AT_ONCE).map(draw).collect();
        for image in &drawn {
            self.table.push(image, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::Augment;
    use crate::transform::Normalize;
    use proptest::prelude::*;

    fn numbered(n: usize) -> Split {
        let images = (0..n * PIXELS)
            .map(|i| (i / PIXELS + i % 7) as u8)
            .collect();
        Split::new(images, (0..n).map(|i| (i % 10) as u8).collect()).unwrap()
    }

    fn epoch(loader: &Loader, epoch: u64) -> Vec<Batch> {
        loader.batches(epoch).collect::<Result<_>>().unwrap()
    }

    fn indices(batches: &[Batch]) -> Vec<usize> {
        batches
            .iter()
            .flat_map(|batch| batch.indices.clone())
            .collect()
    }

    #[test]
    fn a_batch_size_of_0_is_refused() {
        let split = numbered(3);
        let error = Loader::new(&split, Transform::default(), 0).unwrap_err();
        assert!(error.is_usage());
        assert_eq!(error.to_string(), "batch size 0: expected 1 at least");
    }

    #[test]
    fn without_a_key_samples_come_in_file_order() {
        let split = numbered(10);
        let loader = Loader::new(&split, Transform::default(), 4).unwrap();
        for number in [0, 1] {
            let batches = epoch(&loader, number);
            assert_eq!(indices(&batches), Vec::from_iter(0..10));
            assert_eq!(
                Vec::from_iter(batches.iter().map(|b| b.indices.len())),
                [4, 4, 2]
            );
        }
    }

    #[test]
    fn the_order_of_an_epoch_is_the_keys() {
        let split = numbered(50);
        let key = Key::from_seed(3);
        let loader = Loader::new(&split, Transform::default(), 7)
            .unwrap()
            .shuffle(key);
        let [first, second] = [0, 1].map(|number| indices(&epoch(&loader, number)));
        assert_eq!(first, key.fold_in_index(0).permutation(50));
        assert_eq!(second, key.fold_in_index(1).permutation(50));
        assert_ne!(first, second);
    }

    #[test]
    fn a_batch_holds_its_samples_transformed() {
        let split = numbered(9);
        let normalize = Some(Normalize {
            mean: 0.3,
            std: 0.5,
        });
        let transform = Transform {
            normalize,
            padding: 2,
        };
        let loader = Loader::new(&split, transform, 4)
            .unwrap()
            .shuffle(Key::from_seed(1));
        for batch in epoch(&loader, 5) {
            assert_eq!(batch.images.dims(), [batch.indices.len(), 1, 32, 32]);
            let chosen = split.subset(&batch.indices);
            let images = batch
                .images
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap();
            assert_eq!(images, transform.apply(chosen.images()).unwrap());
            let labels = batch.labels.to_vec1::<u32>().unwrap();
            assert!(
                labels
                    .into_iter()
                    .eq(chosen.labels().iter().map(|&l| u32::from(l)))
            );
        }
    }

    #[test]
    fn drawn_images_are_the_epochs_for_any_number_of_threads() {
        let split = numbered(30);
        let augmenter = Augmenter::new(Augment::Affine, Key::from_seed(2));
        let loader = Loader::new(&split, Transform::default(), 13).unwrap();
        let loader = loader.augment(augmenter.clone()).shuffle(Key::from_seed(1));
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            for batch in pool.build().unwrap().install(|| epoch(&loader, 4)) {
                let draws = augmenter.epoch(4);
                let drawn: Vec<u8> = (batch.indices.iter())
                    .flat_map(|&i| draws.apply(split.image(i), i))
                    .collect();
                let images = batch.images.flatten_all().unwrap();
                assert_eq!(
                    images.to_vec1::<f32>().unwrap(),
                    Transform::default().apply(&drawn).unwrap()
                );
            }
        }
    }

    #[test]
    fn an_empty_split_has_no_batches() {
        let split = numbered(0);
        let loader = Loader::new(&split, Transform::default(), 4).unwrap();
        assert_eq!((loader.batch_count(), loader.sample_count()), (0, 0));
        assert!(epoch(&loader, 0).is_empty());
    }

    #[test]
    fn the_largest_batch_size_is_one_batch() {
        let split = numbered(3);
        let loader = Loader::new(&split, Transform::default(), usize::MAX).unwrap();
        assert_eq!(indices(&epoch(&loader, 0)), [0, 1, 2]);
        assert_eq!(loader.drop_last(true).sample_count(), 0);
    }

    proptest! {
        // A case makes real tensors: 64 of them are enough and quick.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn an_epoch_has_every_index_once_and_repeats(
            n in 1usize..60,
            batch_size in 1usize..20,
            number in 0u64..1000,
            seed: u64,
        ) {
            let split = numbered(n);
            let loader = Loader::new(&split, Transform::default(), batch_size).unwrap();
            let loader = loader.shuffle(Key::from_seed(seed));
            let batches = epoch(&loader, number);
            prop_assert_eq!(batches.len(), loader.batch_count());
            prop_assert_eq!(loader.batches(number).len(), loader.batch_count());
            prop_assert_eq!(loader.sample_count(), n);
            prop_assert!(batches[..batches.len() - 1].iter().all(|b| b.indices.len() == batch_size));

            let seen = indices(&batches);
            prop_assert_eq!(&indices(&epoch(&loader, number)), &seen);
            let later: Vec<usize> = loader
                .batches_from(number, 2)
                .flat_map(|batch| batch.unwrap().indices)
                .collect();
            prop_assert_eq!(&later[..], seen.get(2 * batch_size..).unwrap_or_default());
            let mut sorted = seen.clone();
            sorted.sort_unstable();
            prop_assert!(sorted.into_iter().eq(0..n));

            let dropping = loader.clone().drop_last(true);
            let whole = epoch(&dropping, number);
            prop_assert_eq!(whole.len(), dropping.batch_count());
            prop_assert!(whole.iter().all(|b| b.indices.len() == batch_size));
            prop_assert_eq!(dropping.sample_count(), n / batch_size * batch_size);
            prop_assert_eq!(&indices(&whole)[..], &seen[..dropping.sample_count()]);
        }
    }
}
