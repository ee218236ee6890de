//! The XML that libvirt writes, as far as a backup reads it: elements by their path, attributes and text.
//!
//! Promises: what is no whole document is refused, so that one that was cut off is never taken for a machine with fewer
//! disks; an element that somebody has put below `<metadata>` has another path than libvirt's own.

/// One element. The order is that of the document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Element {
    /// The names from the root on, such as `domain/devices/disk`.
    pub(super) path: String,
    attributes: Vec<(String, String)>,
    /// What stands directly in it, without blanks around.
    pub(super) text: String,
}

impl Element {
    /// The value of an attribute.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// All elements of a document; `None` where it is not whole.
pub(super) fn elements(document: &str) -> Option<Vec<Element>> {
    let (mut all, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut rest = document;
    while let Some(at) = rest.find('<') {
        if let Some(element) = open.last().and_then(|at| all.get_mut(*at)) {
            element.text.push_str(&unescaped(rest[..at].trim())?);
        }
        rest = &rest[at..];
        if let Some(end) = ["<!--", "<?", "<![CDATA["]
            .iter()
            .zip(["-->", "?>", "]]>"])
            .find_map(|(begin, end)| rest.starts_with(begin).then(|| rest.find(end).map(|at| at + end.len())))
        {
            rest = &rest[end?..];
            continue;
        }
        let end = end_of_tag(rest)?;
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let closed = open.pop()?;
            if all[closed].path.rsplit('/').next() != Some(name.trim()) {
                return None;
            }
            continue;
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        let above = open.last().map_or_else(String::new, |at| format!("{}/", all[*at].path));
        // A document has one root.
        if name.is_empty() || (open.is_empty() && !all.is_empty()) {
            return None;
        }
        let attributes = attributes_of(attributes)?;
        all.push(Element { path: format!("{above}{name}"), attributes, text: String::new() });
        if !is_empty {
            open.push(all.len() - 1);
        }
    }
    (open.is_empty() && !all.is_empty()).then_some(all)
}

/// Text for an element or an attribute in either kind of quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&apos;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Where the tag that the text begins with ends: a `>` in quotes does not end it.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (None, '>') => return Some(at),
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            (_, _) => {}
        }
    }
    None
}

fn attributes_of(mut text: &str) -> Option<Vec<(String, String)>> {
    let mut attributes = Vec::new();
    loop {
        text = text.trim();
        if text.is_empty() {
            return Some(attributes);
        }
        let (name, after) = text.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (value, after) = after[1..].split_once(quote)?;
        attributes.push((name.trim().to_owned(), unescaped(value)?));
        text = after;
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, after) = after.split_once(';')?;
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number.strip_prefix('#')?;
                let code = number.strip_prefix('x').map_or_else(|| number.parse(), |hex| u32::from_str_radix(hex, 16));
                char::from_u32(code.ok()?)?
            }
        });
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn elements_have_their_path_attributes_and_text() {
        let all =
            elements("<?xml version='1.0'?>\n<a x='1'><!-- <z> --><b y=\"&lt;'&#65;\" z='>'/> t&amp;u </a>\n").unwrap();
        assert_eq!(all.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!((all[0].get("x"), all[0].text.as_str(), all[0].get("y")), (Some("1"), "t&u", None));
        assert_eq!((all[1].get("y"), all[1].get("z")), (Some("<'A"), Some(">")));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for text in ["", "x", "<a>", "<a><b></a>", "<a></b>", "<a x=1/>", "<a/><b/>", "<a>&x;</a>", "<a x='1", "<!-- x"]
        {
            assert_eq!(elements(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_escaped_is_read_as_it_was() {
        let text = "a<b>'c' & \"d\"";
        let document = format!("<a x='{0}'>{0}</a>", escaped(text));
        let all = elements(&document).unwrap();
        assert_eq!((all[0].get("x"), all[0].text.as_str()), (Some(text), text));
    }
}
