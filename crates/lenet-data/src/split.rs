//! Images with their labels, and how a set is cut in two.

use lenet_tensor::random::Key;

use crate::error::{Error, Result};
use crate::mnist::{CLASSES, PIXELS};

/// `n` images of 28×28 bytes, 0 black to 255 white, with `n` labels 0 to 9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    images: Vec<u8>,
    labels: Vec<u8>,
}

impl Split {
    /// A split of `images`, `[n, 28, 28]` bytes row by row, and `labels`, `[n]`.
    ///
    /// # Errors
    /// [`Error::Pixels`] for bytes that are not whole images,
    /// [`Error::Unpaired`] for more of one than of the other and
    /// [`Error::Label`] for a label above 9.
    pub fn new(images: Vec<u8>, labels: Vec<u8>) -> Result<Self> {
        if !images.len().is_multiple_of(PIXELS) {
            return Err(Error::Pixels {
                bytes: images.len(),
            });
        }
        if images.len() / PIXELS != labels.len() {
            return Err(Error::Unpaired {
                images: images.len() / PIXELS,
                labels: labels.len(),
            });
        }
        if let Some(index) = labels.iter().position(|&label| label >= CLASSES) {
            return Err(Error::Label {
                label: labels[index],
                index,
            });
        }
        Ok(Self { images, labels })
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// All pixels, `[n, 28, 28]`.
    pub fn images(&self) -> &[u8] {
        &self.images
    }

    /// All labels, `[n]`.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The 784 pixels of sample `index`, row by row.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn image(&self, index: usize) -> &[u8; PIXELS] {
        &self.images.as_chunks().0[index]
    }

    /// The label of sample `index`.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn label(&self, index: usize) -> u8 {
        self.labels[index]
    }

    /// The samples at `indices`, in that order.
    ///
    /// # Panics
    /// If there is no such sample.
    #[must_use]
    pub fn subset(&self, indices: &[usize]) -> Self {
        Self {
            images: indices
                .iter()
                .flat_map(|&i| self.image(i))
                .copied()
                .collect(),
            labels: indices.iter().map(|&i| self.label(i)).collect(),
        }
    }

    /// Cuts off a `share` of the samples, drawn by `key`, with the same share
    /// of each label: first what stays, then what is cut off, both in the order
    /// they had.
    ///
    /// `round(share · n)` samples are cut off. Each label gives the whole part
    /// of its share, and the labels with the largest remainders one more.
    ///
    /// # Errors
    /// [`Error::Share`] if a side would be empty, or `share` is no number.
    pub fn stratified(&self, share: f64, key: Key) -> Result<(Self, Self)> {
        // A negative share or NaN becomes 0, one above 1 more than there is.
        let wanted = (share * self.len() as f64).round() as usize;
        if wanted == 0 || wanted >= self.len() {
            return Err(Error::Share {
                share,
                samples: self.len(),
            });
        }
        let mut by_label = vec![Vec::new(); usize::from(CLASSES)];
        for (index, &label) in self.labels.iter().enumerate() {
            by_label[usize::from(label)].push(index);
        }
        let counts: Vec<usize> = by_label.iter().map(Vec::len).collect();
        let mut is_cut = vec![false; self.len()];
        for ((label, indices), take) in by_label.iter().enumerate().zip(shares(&counts, wanted)) {
            let order = key.fold_in_index(label as u64).permutation(indices.len());
            for &i in &order[..take] {
                is_cut[indices[i]] = true;
            }
        }
        let (cut, kept): (Vec<usize>, Vec<usize>) = (0..self.len()).partition(|&i| is_cut[i]);
        Ok((self.subset(&kept), self.subset(&cut)))
    }
}

/// `total` shared out in proportion to `counts` by largest remainder; of equal
/// remainders the first goes first. In whole numbers, so it is exact.
fn shares(counts: &[usize], total: usize) -> Vec<usize> {
    let all: u128 = counts.iter().map(|&count| count as u128).sum();
    let exact = |count: usize| count as u128 * total as u128;
    let mut shares: Vec<usize> = counts.iter().map(|&c| (exact(c) / all) as usize).collect();
    let mut by_remainder: Vec<usize> = (0..counts.len()).collect();
    by_remainder.sort_by_key(|&i| std::cmp::Reverse(exact(counts[i]) % all));
    let missing = total - shares.iter().sum::<usize>();
    for &i in &by_remainder[..missing] {
        shares[i] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Samples that can be told apart by their first two pixels.
    fn numbered(labels: Vec<u8>) -> Split {
        let images = (0..labels.len() as u16)
            .flat_map(|i| {
                let mut image = [0; PIXELS];
                image[..2].copy_from_slice(&i.to_be_bytes());
                image
            })
            .collect();
        Split::new(images, labels).unwrap()
    }

    fn numbers(split: &Split) -> Vec<u16> {
        (0..split.len())
            .map(|i| u16::from_be_bytes([split.image(i)[0], split.image(i)[1]]))
            .collect()
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let message = |images: usize, labels: &[u8]| {
            Split::new(vec![0; images], labels.to_vec())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            message(785, &[1]),
            "785 bytes of pixels are not whole images of 28×28 = 784 bytes"
        );
        assert_eq!(
            message(784, &[1, 2]),
            "1 images but 2 labels: expected as many"
        );
        assert_eq!(
            message(1568, &[9, 10]),
            "label 10 at index 1: expected 0 to 9"
        );
    }

    #[test]
    fn a_subset_keeps_order_and_labels() {
        let subset = numbered(vec![5, 6, 7, 8]).subset(&[3, 0, 3]);
        assert_eq!(numbers(&subset), [3, 0, 3]);
        assert_eq!(subset.labels(), [8, 5, 8]);
    }

    #[test]
    fn a_side_without_samples_is_refused() {
        let split = numbered(vec![0, 1, 2]);
        for share in [0.0, 0.1, 0.9, 1.0, 7.0, -0.5, f64::NAN, f64::INFINITY] {
            let error = split.stratified(share, Key::from_seed(1)).unwrap_err();
            assert!(
                matches!(error, Error::Share { samples: 3, .. }),
                "{share}: {error}"
            );
        }
    }

    #[test]
    fn the_largest_remainders_get_what_is_left() {
        assert_eq!(shares(&[10, 10, 10], 3), [1, 1, 1]);
        assert_eq!(shares(&[5, 3, 2], 5), [3, 1, 1]);
        assert_eq!(shares(&[1, 0, 9], 2), [0, 0, 2]);
    }

    proptest! {
        #[test]
        fn a_cut_covers_each_sample_once_and_keeps_the_shares(
            labels in prop::collection::vec(0..CLASSES, 2..200),
            share in 0.02..0.98f64,
            seed: u64,
        ) {
            let split = numbered(labels);
            let wanted = (share * split.len() as f64).round() as usize;
            prop_assume!(wanted > 0 && wanted < split.len());
            let (kept, cut) = split.stratified(share, Key::from_seed(seed)).unwrap();
            prop_assert_eq!(cut.len(), wanted);
            prop_assert_eq!(&split.stratified(share, Key::from_seed(seed)).unwrap(), &(kept.clone(), cut.clone()));

            let mut all = [numbers(&kept), numbers(&cut)].concat();
            prop_assert!(numbers(&kept).is_sorted() && numbers(&cut).is_sorted());
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..split.len() as u16));
            for (side, number) in [(&kept, numbers(&kept)), (&cut, numbers(&cut))] {
                for (i, &n) in number.iter().enumerate() {
                    prop_assert_eq!(side.label(i), split.label(usize::from(n)));
                }
            }
            for label in 0..CLASSES {
                let count = |s: &Split| s.labels().iter().filter(|&&l| l == label).count() as f64;
                // Rounding to whole samples moves a label's share by less than one.
                let exact = count(&split) * wanted as f64 / split.len() as f64;
                prop_assert!((count(&cut) - exact).abs() < 1.0, "label {}", label);
            }
        }
    }
}
