//! What the first layer looks for, and what each layer makes of one digit.

use anyhow::Context;
use candle_core::Tensor;
use lenet_nn::loss::softmax;
use lenet_nn::operator::Operator;
use lenet_nn::summary::LayerInfo;
use lenet_nn::{Parameters, activations};

use super::html::{details, figure, paragraph, table};
use super::pixels::{Layout, Sheet, shades};
use crate::maps::shown;

/// How wide a map is on the page, about.
const WIDTH: usize = 72;
/// Maps in a row.
const COLUMNS: usize = 8;
/// The shade between maps, which neither end of the scale has.
const GAP: u8 = 160;

/// The filters of the first convolution, all on one scale.
pub(super) fn filters(layers: &[LayerInfo], parameters: &Parameters) -> anyhow::Result<String> {
    let is_conv = |layer: &&LayerInfo| matches!(layer.operator, Operator::Conv2d(_));
    let layer = layers.iter().find(is_conv).context("no convolution")?;
    let of = |name: &str| -> anyhow::Result<Tensor> {
        let name = format!("{}.{name}", layer.name);
        let entries = parameters.entries();
        let entry = entries.iter().find(|entry| entry.name == name);
        Ok(entry
            .with_context(|| format!("no `{name}`"))?
            .var
            .as_detached_tensor())
    };
    let (weight, bias) = (of("weight")?, of("bias")?);
    let (filters, _, height, width) = weight.dims4()?;
    let (values, biases) = (flat(&weight)?, flat(&bias)?);
    let most = values
        .iter()
        .fold(0.0, |most: f32, value| most.max(value.abs()));
    let size = height * width;
    let pictures: Vec<Vec<u8>> = values
        .chunks_exact(size)
        .map(|filter| shades(filter, [-most, most]))
        .collect();
    let alt = format!("{filters} filters of {height}×{width} weights, as shades of grey");
    let sheet = Sheet::new(&pictures, [height, width], layout(width, 255));
    let picture = figure(
        &sheet.img(1, &alt)?,
        &format!(
            "Layer {}: {filters} filters of {height}×{width}. Black is a weight of {:.3}, middle \
             grey 0, white {most:.3}.",
            layer.name, -most
        ),
    );
    let rows = values.chunks_exact(size).zip(&biases).enumerate();
    let rows: Vec<Vec<String>> = rows
        .map(|(number, (filter, bias))| {
            let rows = filter.chunks_exact(width).map(|row| {
                let row: Vec<String> = row.iter().map(|value| format!("{value:.3}")).collect();
                row.join(" ")
            });
            let rows: Vec<String> = rows.collect();
            vec![number.to_string(), format!("{bias:.3}"), rows.join(" | ")]
        })
        .collect();
    let numbers = table(
        "The weights of each filter, row by row",
        &["filter", "bias", "weights"],
        &rows,
    );
    Ok(picture + &details("The filters as numbers", &numbers))
}

fn layout(width: usize, gap: u8) -> Layout {
    Layout {
        columns: COLUMNS,
        zoom: (WIDTH / width).max(1),
        gap,
    }
}

/// The maps of each convolution and pooling for `x`, `[1, 1, H, W]`; and what the network
/// says of it, a probability for each class.
pub(super) fn maps(
    layers: &[LayerInfo],
    parameters: &Parameters,
    x: &Tensor,
) -> anyhow::Result<(String, Vec<f64>)> {
    let made = activations(layers, parameters, x)?;
    let (mut pictures, mut rows) = (String::new(), Vec::new());
    for shown in shown(layers) {
        let output = shown.maps(&made)?;
        let (_, maps, height, width) = output.dims4()?;
        let values = flat(output)?;
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let each = values.chunks_exact(height * width);
        let greys: Vec<Vec<u8>> = each.clone().map(|map| shades(map, [low, high])).collect();
        // A map of one value all over has nothing to say of this digit.
        let flat = each
            .filter(|map| map.iter().all(|value| *value == map[0]))
            .count();
        let sheet = Sheet::new(&greys, [height, width], layout(width, GAP));
        let (title, layers) = (&shown.title, shown.layers.join(", "));
        let alt = format!("{title}: {maps} maps of {height}×{width}, as shades of grey");
        pictures += &figure(
            &sheet.img(1, &alt)?,
            &format!(
                "{title} ({layers}): {maps} maps of {height}×{width}. Black is {low:.2}, white \
                 {high:.2}."
            ),
        );
        rows.push(vec![
            title.clone(),
            layers,
            maps.to_string(),
            format!("{height}×{width}"),
            format!("{low:.2}"),
            format!("{high:.2}"),
            flat.to_string(),
        ]);
    }
    if rows.is_empty() {
        pictures += &paragraph("This network has no maps.");
    }
    let head = [
        "",
        "layers",
        "maps",
        "size",
        "lowest",
        "highest",
        "all of one value",
    ];
    pictures += &table("The maps in numbers", &head, &rows);
    let output = made.last().map(|(_, output)| flat(output)).transpose()?;
    Ok((pictures, softmax(&output.unwrap_or_default())))
}

fn flat(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};
    use lenet_nn::ModelKind;
    use lenet_nn::models::Flavour;
    use lenet_tensor::Key;

    #[test]
    fn every_network_shows_its_filters_and_maps_and_what_it_says() {
        for kind in ModelKind::ALL {
            let parameters = Parameters::new(Key::from_seed(1), &Device::Cpu);
            let model = kind.build(Flavour::Modern, &parameters).unwrap();
            let filters = filters(model.layers(), &parameters).unwrap();
            assert!(filters.contains("middle grey 0"), "{kind}");
            let side = 28 + 2 * kind.padding();
            let x = Tensor::ones((1, 1, side, side), DType::F32, &Device::Cpu).unwrap();
            let (maps, said) = maps(model.layers(), &parameters, &x).unwrap();
            assert_eq!(maps.matches("<img ").count(), shown(model.layers()).len());
            let all: f64 = said.iter().sum();
            // Ten numbers of f64.
            assert!((all - 1.0).abs() < 1e-12, "{kind}: {said:?}");
        }
    }
}
