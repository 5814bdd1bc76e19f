//! The built-in sample is what its README says.

use std::collections::HashSet;

use lenet_data::{Choice, Dataset, DatasetName, Request, Split, load};

fn sample() -> Dataset {
    let choice = Choice::Only(DatasetName::Sample);
    let request = Request {
        choice,
        offline: true,
        ..Request::default()
    };
    load(&request, &mut ()).expect("the sample is built in")
}

fn counts(split: &Split) -> [usize; 10] {
    let mut counts = [0; 10];
    for &label in split.labels() {
        counts[usize::from(label)] += 1;
    }
    counts
}

#[test]
fn each_digit_has_its_share() {
    let data = sample();
    assert_eq!((data.train.len(), data.test.len()), (8_500, 1_500));
    assert_eq!(
        counts(&data.train),
        [851, 958, 842, 877, 833, 734, 862, 910, 802, 831]
    );
    assert_eq!(
        counts(&data.test),
        [150, 169, 149, 155, 147, 129, 152, 160, 142, 147]
    );
}

#[test]
fn the_bytes_are_fixed() {
    // Written down once: results on the sample can be compared.
    assert_eq!(
        sample().sha256,
        "370ac89e5aa44912e5e73cbe9a879afbd838f4c292ec48f7e100ca8d6d51e215"
    );
}

#[test]
fn all_images_are_different() {
    let data = sample();
    let images = [&data.train, &data.test]
        .into_iter()
        .flat_map(|split| split.images().chunks(784));
    assert_eq!(images.collect::<HashSet<_>>().len(), 10_000);
}

#[test]
fn the_digits_are_mixed() {
    // Batches in file order must not hold one digit alone: of 64 drawn at random
    // fewer than 7 different ones turn up less than once in 10^4 batches.
    let data = sample();
    for batch in data.train.labels().chunks_exact(64) {
        assert!(batch.iter().collect::<HashSet<_>>().len() >= 7, "{batch:?}");
    }
}
