//! Typed values out of the tree. What is wrong is reported at its place, and nothing comes back.

use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::{
    diagnostics::Span,
    document::{Group, Item, Reading, items},
    keys::{Choices, Shape},
    nearest,
};

/// How a value is called in messages.
fn called(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

impl Reading<'_> {
    pub(super) fn wrong_type(&mut self, item: Item<'_>, wanted: &str, hint: impl Into<String>) {
        // A table under a header has no value of its own to point at.
        let at = if item.value.is_table() { item.key_at } else { item.at };
        self.error(at, format!("`{}` must be {wanted}, and is {}", item.key, called(item.value)), hint);
    }

    pub(super) fn table<'i>(&mut self, item: Item<'i>) -> Option<&'i DeTable<'i>> {
        let table = item.value.as_table();
        if table.is_none() {
            self.wrong_type(item, "a table", format!("write `{} = {{ … }}`", item.key));
        }
        table
    }

    /// Text that is not empty.
    pub(super) fn text<'i>(&mut self, item: Item<'i>) -> Option<&'i str> {
        let Some(text) = item.value.as_str() else {
            self.wrong_type(item, "text", "put it in double quotes");
            return None;
        };
        if text.trim().is_empty() {
            self.error(item.at, format!("`{}` is empty", item.key), "write a value, or remove the key");
            return None;
        }
        Some(text)
    }

    /// A list of text, with the place of each.
    pub(super) fn texts<'i>(&mut self, item: Item<'i>) -> Option<Vec<(&'i str, Span)>> {
        let Some(list) = item.value.as_array() else {
            self.wrong_type(item, "a list of text", format!("write `{} = [\"…\"]`", item.key));
            return None;
        };
        let mut texts = Vec::new();
        let mut complete = true;
        for element in list {
            if let Some(text) = element.get_ref().as_str() {
                texts.push((text, Span::from(element.span())));
                continue;
            }
            complete = false;
            let message = format!("`{}` must hold text, and holds {}", item.key, called(element.get_ref()));
            self.error(element.span().into(), message, "put it in double quotes");
        }
        complete.then_some(texts)
    }

    pub(super) fn truth(&mut self, item: Item<'_>) -> Option<bool> {
        let truth = item.value.as_bool();
        if truth.is_none() {
            self.wrong_type(item, "`true` or `false`", "write it without quotes");
        }
        truth
    }

    pub(super) fn whole(&mut self, item: Item<'_>, least: i64, most: i64) -> Option<i64> {
        let Some(written) = item.value.as_integer() else {
            self.wrong_type(item, "a whole number", "write it without quotes");
            return None;
        };
        let number = i64::from_str_radix(written.as_str(), written.radix()).ok();
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() && least == most {
            let hint = format!("write `{} = {least}`", item.key);
            self.error(item.at, format!("`{}` must be {least}", item.key), hint);
        } else if number.is_none() {
            let hint = format!("write a number from {least} to {most}");
            self.error(item.at, format!("`{}` is out of range", item.key), hint);
        }
        number
    }

    fn share(&mut self, item: Item<'_>, valid: fn(f64) -> bool, hint: &str) -> Option<f64> {
        let number: Option<f64> = match item.value {
            DeValue::Integer(written) => written.as_str().parse().ok(),
            DeValue::Float(written) => written.as_str().parse().ok(),
            _ => {
                self.wrong_type(item, "a number", hint);
                return None;
            }
        };
        let number = number.filter(|number| valid(*number));
        if number.is_none() {
            self.error(item.at, format!("`{}` is out of range", item.key), hint);
        }
        number
    }

    fn duration(&mut self, item: Item<'_>) -> Option<Duration> {
        let Some(text) = item.value.as_str() else {
            self.wrong_type(item, "a duration", "write a number and a unit: \"30s\", \"5m\", \"1h\", \"1d\"");
            return None;
        };
        let hint = "write a whole number and a unit: \"500ms\", \"30s\", \"5m\", \"1h\", \"1d\"";
        if text.trim_start().starts_with('-') {
            self.error(item.at, format!("`{}` is negative", item.key), hint);
            return None;
        }
        let duration = parse_duration(text);
        if duration.is_none() {
            self.error(item.at, format!("`{text}` is not a duration"), hint);
        }
        duration
    }

    /// One of the words.
    pub(super) fn choice(&mut self, item: Item<'_>, choices: &'static Choices) -> Option<&'static str> {
        let text = self.text(item)?;
        if let Some(choice) = choices.built.iter().find(|choice| **choice == text) {
            return Some(choice);
        }
        if choices.unbuilt.contains(&text) {
            let message = format!("`{} = \"{text}\"` is not built yet, and is refused rather than ignored", item.key);
            self.error(item.at, message, format!("write {}", nearest::one_of(choices.built)));
        } else {
            let hint = nearest::suggest(text, choices.built.iter().copied());
            self.error(item.at, format!("`{text}` is no `{}`", item.key), hint);
        }
        None
    }

    /// Hides every text in a value.
    pub(super) fn conceal(&mut self, item: Item<'_>) {
        match item.value.as_table() {
            Some(table) => items(table).into_iter().for_each(|inner| self.conceal(inner)),
            None => self.private.push(item.at),
        }
    }
}

impl<'a> Group<'a> {
    pub(super) fn text(&self, cx: &mut Reading<'_>, name: &str) -> Option<(&'a str, Span)> {
        let (item, _) = self.entry(name)?;
        Some((cx.text(item)?, item.at))
    }

    pub(super) fn texts(&self, cx: &mut Reading<'_>, name: &str) -> Option<Vec<(&'a str, Span)>> {
        let (item, _) = self.entry(name)?;
        cx.texts(item)
    }

    pub(super) fn truth(&self, cx: &mut Reading<'_>, name: &str) -> Option<bool> {
        let (item, _) = self.entry(name)?;
        cx.truth(item)
    }

    pub(super) fn whole<N: TryFrom<i64>>(&self, cx: &mut Reading<'_>, name: &str) -> Option<N> {
        let (item, key) = self.entry(name)?;
        let Shape::Whole(least, most) = key.shape else { return None };
        cx.whole(item, least, most).and_then(|number| N::try_from(number).ok())
    }

    pub(super) fn share(&self, cx: &mut Reading<'_>, name: &str) -> Option<f64> {
        let (item, key) = self.entry(name)?;
        match key.shape {
            Shape::Reserve => {
                cx.share(item, |share| (0.0..1.0).contains(&share), "write a part of one, from 0 to below 1: 0.1")
            }
            _ => cx.share(item, |share| share > 0.0 && share <= 1.0, "write a part of one, above 0 and up to 1: 0.5"),
        }
    }

    pub(super) fn duration(&self, cx: &mut Reading<'_>, name: &str) -> Option<Duration> {
        let (item, key) = self.entry(name)?;
        let duration = cx.duration(item)?;
        if duration.is_zero() && matches!(key.shape, Shape::Duration) {
            cx.error(item.at, format!("`{name}` must be more than nothing"), "write a duration: \"30s\"");
            return None;
        }
        Some(duration)
    }

    pub(super) fn choice(&self, cx: &mut Reading<'_>, name: &str) -> Option<&'static str> {
        let (item, key) = self.entry(name)?;
        let (Shape::OneOf(choices) | Shape::OneOfBySystem(choices)) = key.shape else { return None };
        cx.choice(item, choices)
    }
}

/// `30s`, `5m`, `1h30m`: whole numbers with units from days to milliseconds.
fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let millis: u64 = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        rest = &rest[letters..];
        total = total.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
    }
    // Longer than a century is a slip, and would overflow times that are added to it.
    (total <= Duration::from_hours(24 * 36_500)).then_some(total)
}
