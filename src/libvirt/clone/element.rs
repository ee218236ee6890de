//! Elements of a description as they are taken over, and how they are written.
//!
//! Promises: what is taken over has no name space, no path of the source's host, and no more than a description needs of
//! depth; each path that is left out is kept as a clause. What is written is read as it was.

use crate::libvirt::xml::escaped;
use roxmltree::Node;

/// Descriptions have less than ten levels; what is deeper was not written by libvirt.
const MAX_DEPTH: usize = 32;

/// An element that libvirt is to read: either text or elements are in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

impl Element {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// With an attribute more, or another value of one that it has.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.retain(|(had, _)| had != name);
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With an attribute of the source, where that has it.
    pub(super) fn like(self, source: Node<'_, '_>, name: &str) -> Self {
        match source.attribute(name) {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(super) fn holding(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    pub(super) fn saying(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    /// With the children of the source that have these names.
    pub(super) fn taking(mut self, source: Node<'_, '_>, names: &[&str], left_out: &mut Vec<String>) -> Self {
        let wanted = source.children().filter(|child| names.iter().any(|name| child.has_tag_name(*name)));
        self.children.extend(wanted.filter_map(|child| copied(child, &[], left_out)));
        self
    }

    /// As text.
    pub(super) fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            // A line break in an attribute would be read as a blank.
            let value = escaped(value).replace('\n', "&#10;").replace('\t', "&#9;").replace('\r', "&#13;");
            out.extend([" ", name, "='", &value, "'"]);
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        out.push_str(&escaped(&self.text).replace('\r', "&#13;"));
        self.children.iter().for_each(|child| child.write(out));
        out.extend(["</", &self.name, ">"]);
    }
}

/// An element with all that is in it, but for what has these names and for paths of the host; `None` where nothing of it
/// may be taken over.
pub(super) fn copied(source: Node<'_, '_>, without: &[&str], left_out: &mut Vec<String>) -> Option<Element> {
    copied_to(source, without, left_out, 0)
}

fn copied_to(source: Node<'_, '_>, without: &[&str], left_out: &mut Vec<String>, depth: usize) -> Option<Element> {
    let name = source.tag_name().name();
    if source.tag_name().namespace().is_some() || depth == MAX_DEPTH {
        left_out.push(format!("what is below <{name}>"));
        return None;
    }
    let mut element = Element::new(name);
    for attribute in source.attributes() {
        let (key, value) = (attribute.name(), attribute.value());
        if attribute.namespace().is_some() || is_path(value) {
            left_out.push(format!("{name} {key}: {value}"));
        } else {
            element.attributes.push((key.to_owned(), value.to_owned()));
        }
    }
    let children = source.children().filter(Node::is_element);
    // libvirt gives each device a new one.
    let wanted =
        |child: &Node<'_, '_>| !child.has_tag_name("alias") && !without.iter().any(|name| child.has_tag_name(*name));
    element.children =
        children.filter(wanted).filter_map(|child| copied_to(child, without, left_out, depth + 1)).collect();
    if !source.children().any(|child| child.is_element()) {
        let text = source.text().unwrap_or_default();
        if is_path(text) {
            left_out.push(format!("{name}: {}", text.trim()));
            return None;
        }
        text.clone_into(&mut element.text);
    }
    Some(element)
}

/// Whether a text leads to a file, a socket or a server.
fn is_path(text: &str) -> bool {
    text.trim_start().starts_with(['/', '@']) || text.contains("://") || text.contains("../")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;
    use roxmltree::Document;

    fn taken(text: &str) -> (Option<String>, Vec<String>) {
        let (document, mut left_out) = (Document::parse(text).unwrap(), Vec::new());
        let element = copied(document.root_element(), &["c"], &mut left_out);
        let written = element.map(|element| {
            let mut out = String::new();
            element.write(&mut out);
            out
        });
        (written, left_out)
    }

    #[test]
    fn what_is_taken_over_is_read_as_it_was() {
        let text = "<a x='1&amp;\"2&apos;' y='a&#10;b'><b>&lt;t&gt; &amp;</b><!-- <c/> --><c><d/></c><e/><alias name='q'/></a>";
        let (written, left_out) = taken(text);
        let written = written.unwrap();
        assert_eq!(left_out, [""; 0]);
        let document = Document::parse(&written).unwrap();
        let root = document.root_element();
        assert_eq!((root.attribute("x"), root.attribute("y")), (Some("1&\"2'"), Some("a\nb")));
        assert_eq!(root.children().map(|child| child.tag_name().name()).collect::<Vec<_>>(), ["b", "e"]);
        assert_eq!(root.first_child().unwrap().text(), Some("<t> &"));
        assert_eq!(taken(&written).0.unwrap(), written);
    }

    #[test]
    fn no_path_of_the_host_and_no_other_name_space_is_taken_over() {
        let (written, left_out) = taken(
            "<a xmlns:q='urn:q' q:z='1' x=' /etc/x' y='n/a'><b>/dev/sda</b><q:d>1</q:d><e u='nbd://h/e'/><f s='@abstract'/>\
             <g p='a/../../b'/></a>",
        );
        assert_eq!(written.unwrap(), "<a y='n/a'><e/><f/><g/></a>");
        let wanted = [
            "a z: 1",
            "a x:  /etc/x",
            "b: /dev/sda",
            "what is below <d>",
            "e u: nbd://h/e",
            "f s: @abstract",
            "g p: a/../../b",
        ];
        assert_eq!(left_out, wanted);
        let deep = format!("{}{}", "<a>".repeat(60), "</a>".repeat(60));
        assert_eq!(taken(&deep).1.len(), 1);
    }
}
