//! candle as a peer, in a process of its own: with the allocator that its users
//! have. It speaks the protocol of `protocol.py`.

#![expect(clippy::print_stdout, reason = "a program")]

mod lenet5;

use std::collections::HashMap;
use std::io::BufRead;
use std::time::Instant;

use candle_core::{Device, Tensor};

/// Any error, to be shown in one line.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One step of a measurement.
type Step = Box<dyn FnMut() -> Result<(), Failure>>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args_os().skip(1);
    let (Some(images), Some(labels)) = (args.next(), args.next()) else {
        return Err("expected a file of images and one of labels".into());
    };
    let images: Vec<f32> = std::fs::read(images)?
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    let labels = std::fs::read(labels)?;
    println!("ready train-candle predict-candle");
    let mut steps: HashMap<(String, usize), Step> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let [name, batch, seconds] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("`{line}`: expected NAME BATCH SECONDS").into());
        };
        let (batch, seconds): (usize, f64) = (batch.parse()?, seconds.parse()?);
        let key = (name.to_owned(), batch);
        if !steps.contains_key(&key) {
            let batches = batches(&images, &labels, batch)?;
            let mut step = match name {
                "train-candle" => lenet5::trainer(batches)?,
                _ => lenet5::predictor(batches)?,
            };
            rate(&mut step, batch, seconds / 2.0)?; // warm up
            steps.insert(key.clone(), step);
        }
        if let Some(step) = steps.get_mut(&key) {
            println!("{}", rate(step, batch, seconds)?);
        }
    }
    Ok(())
}

fn rate(step: &mut Step, batch: usize, seconds: f64) -> Result<f64, Failure> {
    let (mut done, start) = (0, Instant::now());
    loop {
        step()?;
        done += 1;
        let passed = start.elapsed().as_secs_f64();
        if passed >= seconds {
            return Ok((done * batch) as f64 / passed);
        }
    }
}

/// Whole batches: images `[batch, 1, 28, 28]` and labels `[batch]`.
fn batches(images: &[f32], labels: &[u8], batch: usize) -> Result<Vec<(Tensor, Tensor)>, Failure> {
    let images = images.chunks_exact(batch * 784);
    let batches = images
        .zip(labels.chunks_exact(batch))
        .map(|(images, labels)| {
            let labels: Vec<u32> = labels.iter().map(|&label| label.into()).collect();
            Ok((
                Tensor::from_slice(images, (batch, 1, 28, 28), &Device::Cpu)?,
                Tensor::from_vec(labels, batch, &Device::Cpu)?,
            ))
        });
    batches.collect()
}
