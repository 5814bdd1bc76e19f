//! `lenet summary`: a network's layers as a tree, and what they cost.

use candle_core::Device;
use lenet_nn::Parameters;
use lenet_tensor::Key;
use serde::Serialize;

use crate::args::SummaryArgs;
use crate::printer::Printer;

/// Bytes of an f32.
const F32: u64 = 4;
/// Which columns of the table are numbers, and so stand to the right.
const IS_NUMBER: [bool; 8] = [false, false, false, false, false, true, true, false];

#[derive(Serialize)]
struct Summary {
    model: String,
    batch_size: u64,
    layers: Vec<Layer>,
    /// Values in the parameters.
    total: usize,
    trainable: usize,
    /// All parameters are trained; BatchNorm's running statistics are none.
    non_trainable: usize,
    /// Of a batch.
    mult_adds: u64,
    input_bytes: u64,
    /// Outputs of the layers that have parameters, and as much again for the gradients.
    forward_backward_bytes: u64,
    parameter_bytes: u64,
    total_bytes: u64,
}

/// A layer; shapes are those of one sample.
#[derive(Serialize)]
struct Layer {
    name: String,
    layer: String,
    input_shape: Vec<usize>,
    output_shape: Vec<usize>,
    kernel: Option<[usize; 2]>,
    parameters: usize,
    /// Of a batch.
    mult_adds: u64,
    /// The layer that this one runs together with, as one operation.
    fused_into: Option<String>,
}

pub(crate) fn run(args: &SummaryArgs, printer: &Printer) -> anyhow::Result<()> {
    let parameters = Parameters::new(Key::from_seed(0), &Device::Cpu);
    let model = args.model.build(args.flavour, &parameters)?;
    let layers = model.layers().iter().map(|info| Layer {
        name: info.name.clone(),
        layer: info.layer.clone(),
        input_shape: info.input_shape.clone(),
        output_shape: info.output_shape.clone(),
        kernel: info.kernel(&parameters),
        parameters: info.parameters(&parameters),
        mult_adds: args.batch_size * info.mult_adds(&parameters) as u64,
        fused_into: info.fused_into.clone(),
    });
    let layers: Vec<Layer> = layers.collect();
    let bytes = |shape: &[usize]| F32 * args.batch_size * shape.iter().product::<usize>() as u64;
    let input_bytes = layers.first().map_or(0, |layer| bytes(&layer.input_shape));
    let learn = layers.iter().filter(|layer| layer.parameters > 0);
    let forward_backward_bytes = learn.map(|layer| 2 * bytes(&layer.output_shape)).sum();
    let parameter_bytes = F32 * parameters.count() as u64;
    let summary = Summary {
        model: args.model.to_string(),
        batch_size: args.batch_size,
        total: parameters.count(),
        trainable: parameters.count(),
        non_trainable: 0,
        mult_adds: layers.iter().map(|layer| layer.mult_adds).sum(),
        input_bytes,
        forward_backward_bytes,
        parameter_bytes,
        total_bytes: input_bytes + forward_backward_bytes + parameter_bytes,
        layers,
    };
    if args.json {
        return printer.json(&summary);
    }
    printer.result(&text(&summary))
}

fn text(summary: &Summary) -> String {
    let headers = [
        "layer",
        "type",
        "input",
        "output",
        "kernel",
        "parameters",
        "mult-adds",
        "",
    ];
    let mut rows = vec![headers.map(str::to_owned)];
    rows.extend(tree(summary));
    let widths: [usize; 8] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = (row.iter().zip(widths).zip(IS_NUMBER))
                .map(|((cell, width), is_number)| {
                    if is_number {
                        format!("{cell:>width$}")
                    } else {
                        format!("{cell:width$}")
                    }
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect();
    let rule = "-".repeat(lines.iter().map(|l| l.chars().count()).max().unwrap_or(0));
    lines.insert(1, rule.clone());
    lines.push(rule.clone());
    lines.extend(totals(summary));
    lines.insert(lines.len() - 4, rule);
    lines.join("\n")
}

/// A row for each layer, and one for each layer that is made of layers.
fn tree(summary: &Summary) -> Vec<[String; 8]> {
    let mut rows = Vec::new();
    let n = summary.batch_size;
    let mut at = 0;
    while let Some(first) = summary.layers.get(at) {
        let outer = |layer: &Layer| {
            layer
                .name
                .split_once('.')
                .map(|(outer, _)| outer.to_owned())
        };
        let Some(name) = outer(first) else {
            rows.push(row(&format!("├─{}", first.name), first, n));
            at += 1;
            continue;
        };
        let inner = summary.layers[at..].iter();
        let inner: Vec<&Layer> = inner
            .take_while(|layer| outer(layer).as_ref() == Some(&name))
            .collect();
        let mut group = [const { String::new() }; 8];
        group[0] = format!("├─{name}");
        group[2] = shape(n, &first.input_shape);
        group[3] = inner
            .last()
            .map_or_else(String::new, |last| shape(n, &last.output_shape));
        rows.push(group);
        for (number, layer) in inner.iter().enumerate() {
            let branch = if number + 1 == inner.len() {
                "└─"
            } else {
                "├─"
            };
            let own = layer.name.strip_prefix(&format!("{name}."));
            rows.push(row(
                &format!("│  {branch}{}", own.unwrap_or(&layer.name)),
                layer,
                n,
            ));
        }
        at += inner.len();
    }
    // Nothing comes below the last one.
    if let Some(last) = rows.iter_mut().rev().find(|row| row[0].starts_with('├')) {
        last[0] = last[0].replacen('├', "└", 1);
    }
    rows
}

fn row(name: &str, layer: &Layer, n: u64) -> [String; 8] {
    let count = |n: u64| if n == 0 { "-".to_owned() } else { thousands(n) };
    let kind = layer.layer.split('(').next().unwrap_or_default();
    [
        name.to_owned(),
        kind.to_owned(),
        shape(n, &layer.input_shape),
        shape(n, &layer.output_shape),
        layer
            .kernel
            .map_or_else(|| "-".to_owned(), |kernel| format!("{kernel:?}")),
        count(layer.parameters as u64),
        count(layer.mult_adds),
        layer
            .fused_into
            .as_ref()
            .map_or_else(String::new, |into| format!("runs with {into}")),
    ]
}

/// With the batch axis.
fn shape(n: u64, of_sample: &[usize]) -> String {
    let axes: Vec<String> = std::iter::once(n.to_string())
        .chain(of_sample.iter().map(usize::to_string))
        .collect();
    format!("[{}]", axes.join(", "))
}

fn totals(summary: &Summary) -> Vec<String> {
    let mega = |bytes: u64| format!("{:.2}", bytes as f64 / 1e6);
    let mult_adds = match summary.mult_adds {
        n if n >= 1_000_000_000 => format!("{:.2} G", n as f64 / 1e9),
        n => format!("{:.2} M", n as f64 / 1e6),
    };
    vec![
        format!(
            "{}: {} parameters",
            summary.model,
            thousands(summary.total as u64)
        ),
        format!(
            "trainable parameters: {}",
            thousands(summary.trainable as u64)
        ),
        format!(
            "non-trainable parameters: {}",
            thousands(summary.non_trainable as u64)
        ),
        format!("mult-adds: {mult_adds}"),
        format!("input size (MB): {}", mega(summary.input_bytes)),
        format!(
            "forward/backward pass size (MB): {}",
            mega(summary.forward_backward_bytes)
        ),
        format!("parameters size (MB): {}", mega(summary.parameter_bytes)),
        format!("estimated total size (MB): {}", mega(summary.total_bytes)),
    ]
}

/// `44426` as `44,426`.
fn thousands(n: u64) -> String {
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
