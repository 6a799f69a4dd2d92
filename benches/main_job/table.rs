//! Figures, each beside its target.

/// What was measured.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    measured: f64,
    unit: &'static str,
    target: Option<f64>,
}

impl Table {
    /// A figure without a target.
    pub(crate) fn note(&mut self, what: impl Into<String>, measured: f64, unit: &'static str) {
        self.rows.push(Row { what: what.into(), measured, unit, target: None });
    }

    /// A figure with one.
    pub(crate) fn row(&mut self, what: impl Into<String>, measured: f64, unit: &'static str, target: f64) {
        self.rows.push(Row { what: what.into(), measured, unit, target: Some(target) });
    }

    pub(crate) fn print(&self) {
        println!("\n{:<62} {:>10} {:<16} {:>8} {:>6}", "figure", "measured", "", "target", "ratio");
        for Row { what, measured, unit, target } in &self.rows {
            let (target, ratio) = match target {
                Some(target) => (format!("{target:.1}"), format!("{:.2}", measured / target)),
                None => (String::new(), String::new()),
            };
            println!("{what:<62} {measured:>10.2} {unit:<16} {target:>8} {ratio:>6}");
        }
    }
}
