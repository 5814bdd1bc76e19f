//! `lenet predict`: digits from pictures, or from a place in a data set.

use anyhow::Context;
use lenet_data::Normalize;
use serde::Serialize;

use crate::args::PredictArgs;
use crate::printer::Printer;
use crate::trained::Trained;
use crate::{data, picture, sketch};

#[derive(Serialize)]
struct Prediction {
    source: String,
    digit: usize,
    probabilities: Vec<f64>,
    logits: Vec<f32>,
}

/// An image and how the data it belongs to is usually normalised.
struct Input {
    source: String,
    pixels: Vec<u8>,
    usual: Normalize,
}

pub(crate) fn run(args: &PredictArgs, printer: &Printer) -> anyhow::Result<()> {
    let trained = Trained::load(&args.trained, printer)?;
    let mut inputs = Vec::new();
    for path in &args.images {
        inputs.push(Input {
            source: path.display().to_string(),
            pixels: picture::read(path)?,
            usual: Normalize::MNIST,
        });
    }
    inputs.extend(from_data_set(args, printer)?);
    let predictions = inputs
        .iter()
        .map(|input| predict(&trained, input))
        .collect::<anyhow::Result<Vec<Prediction>>>()?;
    if args.json {
        return printer.json(&predictions);
    }
    for (input, p) in inputs.iter().zip(&predictions) {
        let sure = 100.0 * p.probabilities[p.digit];
        printer.result(&format!("{}: {} ({sure:.1} %)", p.source, p.digit))?;
        if args.show {
            printer.result(&sketch::seen(&input.pixels, &p.probabilities))?;
        }
    }
    Ok(())
}

fn predict(trained: &Trained, input: &Input) -> anyhow::Result<Prediction> {
    let reading = trained.read(&input.pixels, input.usual);
    let reading = reading.with_context(|| input.source.clone())?;
    Ok(Prediction {
        source: input.source.clone(),
        digit: reading.digit,
        probabilities: reading.probabilities,
        logits: reading.logits,
    })
}

fn from_data_set(args: &PredictArgs, printer: &Printer) -> anyhow::Result<Vec<Input>> {
    if args.index.is_empty() {
        return Ok(Vec::new());
    }
    let data = data::load(&args.data.request(), printer)?;
    let split = data::split(&data, &args.split);
    let name = data.name;
    let inputs = args.index.iter().map(|&index| {
        let index = data::checked(&data, &args.split, index)?;
        Ok(Input {
            source: format!("{name}/{}/{index}", args.split),
            pixels: split.image(index).to_vec(),
            usual: data.normalize(),
        })
    });
    inputs.collect()
}
