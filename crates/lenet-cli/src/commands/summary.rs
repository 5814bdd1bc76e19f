//! `lenet summary`: a network's layers.

use candle_core::Device;
use lenet_nn::Parameters;
use lenet_tensor::Key;
use serde::Serialize;

use crate::args::SummaryArgs;
use crate::printer::Printer;

#[derive(Serialize)]
struct Summary {
    model: String,
    layers: Vec<Layer>,
    total: usize,
}

#[derive(Serialize)]
struct Layer {
    name: String,
    layer: String,
    output_shape: Vec<usize>,
    parameters: usize,
    /// The layer that this one runs together with, as one operation.
    fused_into: Option<String>,
}

pub(crate) fn run(args: &SummaryArgs, printer: &Printer) -> anyhow::Result<()> {
    let parameters = Parameters::new(Key::from_seed(0), &Device::Cpu);
    let model = args.model.build(args.flavour, &parameters)?;
    let layers = model.layers().iter().map(|info| Layer {
        name: info.name.clone(),
        layer: info.layer.clone(),
        output_shape: info.output_shape.clone(),
        parameters: info.parameters(&parameters),
        fused_into: info.fused_into.clone(),
    });
    let summary = Summary {
        model: args.model.to_string(),
        layers: layers.collect(),
        total: parameters.count(),
    };
    if args.json {
        return printer.json(&summary);
    }
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or_default();
    let name = width(&mut summary.layers.iter().map(|l| l.name.len())).max(5);
    let layer = width(&mut summary.layers.iter().map(|l| l.layer.len()));
    let header = format!(
        "{:name$}  {:layer$}  {:<16}{:>10}",
        "name", "layer", "output", "parameters"
    );
    printer.result(&header)?;
    printer.result(&"-".repeat(header.len()))?;
    for l in &summary.layers {
        let shape = format!("{:?}", l.output_shape);
        let fused = l.fused_into.as_ref();
        let line = format!(
            "{:name$}  {:layer$}  {shape:<16}{:>10}{}",
            l.name,
            l.layer,
            thousands(l.parameters),
            fused.map_or_else(String::new, |into| format!("  runs with {into}"))
        );
        printer.result(&line)?;
    }
    printer.result(&"-".repeat(header.len()))?;
    printer.result(&format!(
        "{}: {} parameters",
        summary.model,
        thousands(summary.total)
    ))?;
    Ok(())
}

/// `44426` as `44,426`.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<String> = groups
        .map(|g| String::from_utf8_lossy(g).into_owned())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn groups_of_three() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (44_426, "44,426"),
            (1_234_567, "1,234,567"),
        ];
        for (n, text) in cases {
            assert_eq!(thousands(n), text);
        }
    }
}
