//! The XML that libvirt reads and writes, as far as a backup needs it.
//!
//! Promises: an element that somebody has put below `<metadata>` is not taken for one of libvirt's own.

use roxmltree::{Document, Node};

/// The elements of these names, one below the other from the root on, in the order of the document.
pub(crate) fn at<'a, 'input>(document: &'a Document<'input>, path: &[&str]) -> Vec<Node<'a, 'input>> {
    let mut found = vec![document.root()];
    for name in path {
        found = found.iter().flat_map(Node::children).filter(|node| node.has_tag_name(*name)).collect();
    }
    found
}

/// Text for an element or an attribute in either kind of quotes.
pub(crate) fn escaped(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn elements_are_found_by_their_whole_path() {
        let text = "<a><b x='1'/><c><b x='2'/><a><b x='3'/></a></c><b x='4'/></a>";
        let document = Document::parse(text).unwrap();
        let found = |path: &[&str]| -> Vec<String> {
            at(&document, path).iter().filter_map(|node| node.attribute("x")).map(str::to_owned).collect()
        };
        assert_eq!(found(&["a", "b"]), ["1", "4"]);
        assert_eq!((found(&["a", "c", "b"]), found(&["b"])), (vec!["2".to_owned()], Vec::new()));
    }

    #[test]
    fn what_is_escaped_is_read_as_it_was() {
        let text = "a<b>'c' & \"d\"";
        let document = format!("<a x='{0}'>{0}</a>", escaped(text));
        let document = Document::parse(&document).unwrap();
        let root = document.root_element();
        assert_eq!((root.attribute("x"), root.text()), (Some(text), Some(text)));
    }
}
