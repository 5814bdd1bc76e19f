//! `report.html`: a run on one page that needs no network, for eyes, for paper and for a
//! screen reader.

mod compare;
mod confusion;
pub(crate) mod curves;
mod file;
mod html;
mod maps;
mod mistakes;
mod pixels;
mod saved;

use std::path::Path;

use candle_core::Tensor;
use lenet_data::{Dataset, Transform};
use lenet_nn::models::Model;
use lenet_nn::{ModelKind, Parameters};
use lenet_tensor::reduce::argmax;
use lenet_train::{EpochMetrics, Evaluation, Mistake};

use crate::commands::train::Summary;
use crate::exit::quoted;
use curves::{Curve, Measure};
use html::{code, details, escape, figure, paragraph, percent, section, table};

pub(crate) use compare::compare;
pub(crate) use file::{NAME, remove_old, write};
pub(crate) use saved::{SavedNetwork, SavedRun};

/// How many of the worst mistakes a report shows.
pub(crate) const MISTAKES: usize = 36;
/// Rows, and columns, of an image.
const SIDE: usize = 28;

/// What a report is made of. What is not there is left out.
pub(crate) struct Report<'a> {
    /// The run's folder.
    pub(crate) run: &'a Path,
    /// `config.toml`.
    pub(crate) config: &'a str,
    pub(crate) kind: ModelKind,
    /// Where the run found its data, if it was told.
    pub(crate) data_dir: Option<&'a Path>,
    pub(crate) metrics: &'a [EpochMetrics],
    /// The epoch whose weights were kept.
    pub(crate) chosen: Option<u64>,
    /// `None` of a run that has not ended.
    pub(crate) summary: Option<&'a Summary>,
    pub(crate) network: Option<Network<'a>>,
    pub(crate) tested: Option<Tested<'a>>,
    /// What the reader should know first.
    pub(crate) notes: &'a [String],
}

/// A network with a run's weights.
pub(crate) struct Network<'a> {
    pub(crate) model: &'a dyn Model,
    pub(crate) parameters: &'a Parameters,
}

/// How the network does on the test images.
pub(crate) struct Tested<'a> {
    pub(crate) data: &'a Dataset,
    pub(crate) transform: Transform,
    pub(crate) evaluation: &'a Evaluation,
    /// The worst mistakes, at most [`MISTAKES`].
    pub(crate) mistakes: &'a [Mistake],
    /// The test image whose maps are shown.
    pub(crate) index: usize,
}

/// The whole page.
pub(crate) fn page(report: &Report<'_>) -> anyhow::Result<String> {
    let mut sections = Vec::new();
    sections.push(("curves", "Training", curves_of(report)?));
    if let Some(tested) = &report.tested {
        let classes = tested.data.name.classes();
        let confusion = confusion::matrix(tested.evaluation, &classes);
        sections.push(("confusion", "Confusion matrix", confusion));
        let per_class = confusion::per_class(tested.evaluation, &classes);
        sections.push(("classes", "Precision and recall", per_class));
        let gallery = mistakes::gallery(tested.mistakes, &tested.data.test, &classes)?;
        sections.push(("mistakes", "The worst mistakes", gallery));
    }
    if let Some(network) = &report.network {
        let filters = maps::filters(network.model.layers(), network.parameters)?;
        sections.push(("filters", "The filters of C1", filters));
        if let Some(tested) = &report.tested {
            sections.push((
                "maps",
                "Feature maps of one image",
                maps_of(network, tested)?,
            ));
        }
    }
    sections.push((
        "settings",
        "Settings, and how to repeat the run",
        repeat(report),
    ));
    let data = report
        .summary
        .map(|summary| format!(" on {}", summary.dataset));
    let title = format!("{}{}", report.kind, data.unwrap_or_default());
    let mut head = paragraph(&format!("The run in {}", report.run.display()));
    head += &report
        .notes
        .iter()
        .map(|note| format!("<p class=\"note\">{}</p>\n", escape(note)))
        .collect::<String>();
    head += &facts(report);
    Ok(assemble(&title, &head, &sections))
}

/// A page of sections, each with its id, its heading and its HTML.
fn assemble(title: &str, head: &str, sections: &[(&str, &str, String)]) -> String {
    let links: String = sections
        .iter()
        .map(|(id, heading, _)| format!("<li><a href=\"#{id}\">{}</a></li>\n", escape(heading)))
        .collect();
    let body: String = sections
        .iter()
        .map(|(id, heading, body)| section(id, heading, body))
        .collect();
    let title = escape(title);
    format!(
        include_str!("page.html"),
        title = title,
        style = include_str!("style.css"),
        head = head,
        links = links,
        body = body,
        foot = escape(&format!("Made by lenet {}.", env!("CARGO_PKG_VERSION"))),
    )
}

/// What the run came to, at a glance.
fn facts(report: &Report<'_>) -> String {
    let mut facts: Vec<(&str, String, String)> = Vec::new();
    if let Some(Tested { evaluation, .. }) = &report.tested {
        let tally = &evaluation.tally;
        facts.push((
            "test accuracy",
            percent(Some(tally.accuracy())),
            format!("{} of {} right", tally.correct, tally.samples),
        ));
        facts.push(("test loss", format!("{:.4}", tally.loss()), String::new()));
    } else if let Some(summary) = report.summary {
        facts.push((
            "test accuracy",
            percent(Some(summary.test_accuracy)),
            format!(
                "{} of {} right, as the run said",
                summary.test_correct, summary.test_samples
            ),
        ));
    }
    if let Some(chosen) = report.chosen {
        let of = format!("{chosen} of {}", report.metrics.len());
        let by = report
            .summary
            .map_or(String::new(), |summary| summary.chosen_by.to_string());
        facts.push(("chosen epoch", of, by));
    }
    if let Some(summary) = report.summary {
        let samples = format!("on {} samples", summary.train_samples);
        facts.push((
            "trained",
            format!("{:.1} s", summary.train_seconds),
            samples,
        ));
        facts.push(("parameters", summary.parameters.to_string(), String::new()));
        facts.push(("seed", summary.seed.to_string(), String::new()));
    }
    let fact = |(name, value, more): &(&str, String, String)| {
        let [name, value, more] = [name, value.as_str(), more].map(escape);
        let more = if more.is_empty() {
            more
        } else {
            format!("<small>{more}</small>")
        };
        format!("<div><dt>{name}</dt><dd>{value}{more}</dd></div>\n")
    };
    format!(
        "<dl>\n{}</dl>\n",
        facts.iter().map(fact).collect::<String>()
    )
}

fn curves_of(report: &Report<'_>) -> anyhow::Result<String> {
    let run = Curve {
        name: "",
        metrics: report.metrics,
        chosen: report.chosen,
    };
    let mut body = String::new();
    if report.metrics.is_empty() {
        return Ok(paragraph("No epoch has ended."));
    }
    for measure in Measure::ALL {
        let caption = match measure {
            Measure::Loss => "The mean over the samples. A ring marks the chosen epoch.",
            Measure::Accuracy => "The share of the samples that is read right.",
            Measure::LearningRate => "That of each epoch's last step.",
        };
        body += &chart(measure, &[run], caption)?;
    }
    Ok(charts(&body)
        + &details(
            "All epochs as a table",
            &epochs(report.metrics, report.chosen),
        ))
}

/// A chart below its heading.
fn chart(measure: Measure, runs: &[Curve<'_>], caption: &str) -> anyhow::Result<String> {
    let heading = escape(measure.title());
    let figure = figure(&curves::svg(measure, runs)?, caption);
    Ok(format!("<div>\n<h3>{heading}</h3>\n{figure}</div>\n"))
}

/// Charts beside each other where the page is wide enough.
fn charts(charts: &str) -> String {
    format!("<div class=\"charts\">\n{charts}</div>\n")
}

/// The epochs in numbers.
fn epochs(metrics: &[EpochMetrics], chosen: Option<u64>) -> String {
    let optional =
        |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
    let row = |epoch: &EpochMetrics| {
        let mark = if chosen == Some(epoch.epoch) {
            " (chosen)"
        } else {
            ""
        };
        vec![
            format!("{}{mark}", epoch.epoch),
            epoch.step.to_string(),
            epoch.lr.to_string(),
            format!("{:.4}", epoch.train_loss),
            percent(Some(epoch.train_accuracy)),
            optional(epoch.val_loss),
            percent(epoch.val_accuracy),
            format!("{:.2}", epoch.train_seconds),
            format!("{:.0}", epoch.samples_per_second),
        ]
    };
    let head = [
        "epoch",
        "steps",
        "learning rate",
        "training loss",
        "training accuracy",
        "validation loss",
        "validation accuracy",
        "seconds",
        "samples/s",
    ];
    let rows: Vec<Vec<String>> = metrics.iter().map(row).collect();
    table("Each epoch of the run", &head, &rows)
}

fn maps_of(network: &Network<'_>, tested: &Tested<'_>) -> anyhow::Result<String> {
    let (test, index) = (&tested.data.test, tested.index);
    let pixels = test.image(index);
    let side = tested.transform.side();
    let values = tested.transform.apply(pixels)?;
    let x = Tensor::from_vec(values, (1, 1, side, side), network.parameters.device())?;
    let (maps, said) = maps::maps(network.model.layers(), network.parameters, &x)?;
    let classes = tested.data.name.classes();
    let shares: Vec<f32> = said.iter().map(|share| *share as f32).collect();
    let best = argmax(&shares).unwrap_or_default();
    let is = confusion::name(&classes, usize::from(test.label(index)));
    let alt = format!("test image {index}: {is}");
    let img = pixels::Sheet::single(pixels, SIDE).img(4, &alt)?;
    let caption = format!(
        "Test image {index}, {is}: read as {}, {} sure.",
        confusion::name(&classes, best),
        percent(said.get(best).copied())
    );
    Ok(figure(&img, &caption) + &maps)
}

fn repeat(report: &Report<'_>) -> String {
    let run = report.run;
    let mut body = String::new();
    if let Some(summary) = report.summary {
        let config = quoted(&run.join("config.toml"));
        let weights = quoted(&run.join("model.safetensors"));
        let data_dir = report
            .data_dir
            .map_or(String::new(), |dir| format!(" --data-dir {}", quoted(dir)));
        body += &paragraph("Train it again, and test its weights:");
        body += &code(&format!(
            "lenet train --config {config} --out-dir {}\nlenet eval --weights {weights} --dataset \
             {}{data_dir}",
            quoted(&run.with_file_name("again")),
            summary.dataset
        ));
        body += &paragraph(&format!(
            "The same data, the same version of lenet and the same kind of processor give the \
             same weights, for any number of threads: sha256 {}. This page is of lenet {}, \
             with {} vectors.",
            summary.weights_sha256,
            env!("CARGO_PKG_VERSION"),
            lenet_tensor::vectors()
        ));
    } else {
        body += &paragraph("The run has not ended. To go on:");
        body += &code(&format!("lenet train --resume {}", quoted(run)));
    }
    body += &paragraph("config.toml, every setting of the run:");
    body + &code(report.config.trim_end())
}
