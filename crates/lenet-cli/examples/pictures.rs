//! How many pictures `lenet predict` reads right, beside the digits they were made from:
//!
//!     cargo run --release -p lenet-cli --example pictures -- LENET WEIGHTS [COUNT [FOLDER]]
//!
//! LENET is the program, FOLDER has a data set's four IDX files (else the built-in
//! sample); COUNT (1000) digits from the start of its test set become pictures, every
//! second one a JPEG. Those read wrong are named.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use image::GrayImage;
use lenet_data::{Choice, DatasetName, Request};
use lenet_tensor::random::Key;

#[path = "../tests/cli/drawn.rs"]
mod drawn;

fn main() -> anyhow::Result<()> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [lenet, weights, rest @ ..] = &args[..] else {
        bail!("usage: pictures LENET WEIGHTS [COUNT [FOLDER]]");
    };
    let count = match rest.first() {
        Some(count) => count.to_string_lossy().parse().context("COUNT")?,
        None => 1000,
    };
    let set = match rest.get(1) {
        Some(_) => DatasetName::Idx,
        None => DatasetName::Sample,
    };
    let request = Request {
        choice: Choice::Only(set),
        data_dir: rest.get(1).cloned(),
        ..Request::default()
    };
    let digits = lenet_data::load(&request, &mut ())?.test;
    let count = digits.len().min(count);
    let folder = tempfile::tempdir()?;
    let (mut plain, mut pictures) = (0, 0);
    for index in 0..count {
        let (digit, label) = (digits.image(index), digits.label(index));
        let whole = folder.path().join("plain.png");
        let image = GrayImage::from_raw(28, 28, digit.to_vec()).context("28×28 bytes")?;
        image.save(&whole)?;
        plain += usize::from(read(lenet, weights, &whole)?.as_deref() == Ok(&label.to_string()));

        let ending = if index % 2 == 0 { "png" } else { "jpg" };
        let path = folder.path().join(format!("picture.{ending}"));
        let key = Key::from_seed(1).fold_in_index(index as u64);
        drawn::drawn(digit, &key, 50.0, 1000.0).save(&path)?;
        match read(lenet, weights, &path)? {
            Ok(digit) if digit == label.to_string() => pictures += 1,
            Ok(digit) => report(&format!("{index}: {label} read as {digit}")),
            Err(error) => report(&format!("{index}: {label}: {error}")),
        }
    }
    let share = |right: usize| 100.0 * right as f64 / count as f64;
    report(&format!(
        "of {count} digits as they are {:.2} % are read right",
        share(plain)
    ));
    report(&format!(
        "of {count} pictures of them {:.2} %",
        share(pictures)
    ));
    Ok(())
}

/// The digit that the program reads, or what it says instead.
fn read(lenet: &Path, weights: &Path, picture: &Path) -> anyhow::Result<Result<String, String>> {
    let mut command = Command::new(lenet);
    command
        .args(["predict", "--json", "--weights"])
        .arg(weights);
    let output = command.arg(picture).output()?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr)
            .trim()
            .to_owned()));
    }
    let predictions: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    Ok(Ok(predictions[0]["digit"].to_string()))
}

#[expect(clippy::print_stdout, reason = "an example prints what it finds")]
fn report(line: &str) {
    println!("{line}");
}
