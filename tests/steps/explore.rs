//! Restore points that are opened in the simulated world, and what is in them.

use howdah::{
    console::message::{Browsed, Comparing, Intent, Message, OrderWish, PlannedOrder, Query},
    domain::{
        ByteCount, ExploreOrder, Failure, ItemName, Order,
        browse::{
            BrowsedCell, BrowsedColumn, BrowsedDatabase, BrowsedRelation, BrowsedRows, BrowsedSchema, RelationKind,
            TableComparison,
        },
    },
};

/// What comes back for something that was wanted of an open restore point.
pub(crate) fn answer(intent: Intent, draw: u64, fails: bool) -> Message {
    let cause = || "the server is gone\u{1b}[2J".to_owned();
    match intent {
        Intent::Query(Query::Browse(id, _, item)) => {
            let found = browsed(item.as_ref(), draw, fails);
            Message::Browsed(id, item, found)
        }
        Intent::Query(Query::Count(id, _, item)) => {
            Message::Counted(id, item, if fails { Err(cause()) } else { Ok(draw) })
        }
        Intent::Compare(ticket, _) => {
            Message::Compared(ticket, Box::new(if fails { Err(cause()) } else { Ok(compared(draw)) }))
        }
        Intent::Query(Query::OrderPlan(ticket, wish)) => Message::OrderPlanned(ticket, Box::new(planned(wish, fails))),
        other => panic!("{other:?} is not for an open restore point"),
    }
}

/// What the planning process would answer.
fn planned(wish: OrderWish, fails: bool) -> Result<PlannedOrder, Failure> {
    if fails {
        return Err(Failure::incurable("no room\u{1b}[2J", "make some"));
    }
    let rows = vec![("files by", "copy".to_owned()), ("warning", "slow\u{1b}[2J".to_owned())];
    let order = match wish {
        OrderWish::Open { point, recovery } => {
            let scratch = format!("/srv/.howdah-explore/{}", point.label.len()).into();
            Order::Explore(ExploreOrder { point: *point, scratch, recovery, port: None })
        }
        OrderWish::Items(order) => Order::Items(*order),
    };
    Ok(PlannedOrder { order, rows })
}

/// What a comparison would find; every third time it goes on.
pub(crate) fn compared(draw: u64) -> Comparing {
    let mut found = TableComparison { rows_here: draw, rows_live: draw / 2, ..TableComparison::default() };
    for number in 0..draw % 50 {
        found.only_here.add(format!("({number},\u{1b}[2J)").as_bytes());
        found.changed.add("(\u{202e})".as_bytes());
    }
    Comparing { found, ended: !draw.is_multiple_of(3) }
}

/// What the server of an open restore point would.
fn browsed(item: Option<&ItemName>, draw: u64, fails: bool) -> Result<Browsed, String> {
    if fails {
        return Err("it is gone\u{1b}[2J".to_owned());
    }
    let names = (0..draw % 5).map(|number| format!("a\u{1b}[2J/{number}"));
    let bytes = ByteCount(draw);
    Ok(match item {
        None => Browsed::Databases(names.map(|name| BrowsedDatabase { name, bytes, connectable: true }).collect()),
        Some(ItemName::Database { .. }) => {
            Browsed::Schemas(names.map(|name| BrowsedSchema { name, relations: draw, bytes }).collect())
        }
        Some(ItemName::Schema { .. }) => {
            let (kind, partition_of, rows) = (RelationKind::Table, None, Some(draw));
            let relation = |name| BrowsedRelation {
                name,
                kind,
                partition_of: partition_of.clone(),
                rows,
                bytes,
                index_bytes: bytes,
            };
            Browsed::Relations(names.map(relation).collect())
        }
        Some(ItemName::Table { .. }) => {
            let column = |name| BrowsedColumn {
                name,
                type_name: "text\u{7}".to_owned(),
                not_null: true,
                default: Some("'\u{202e}'".to_owned()),
                generated: false,
                identity: false,
                key: Some(1),
            };
            let columns: Vec<String> = names.collect();
            let cell = |name: &String| BrowsedCell {
                text: (!draw.is_multiple_of(3)).then(|| name.clone()),
                cut: draw.is_multiple_of(2),
            };
            let rows = vec![columns.iter().map(cell).collect(); usize::try_from(draw % 30).unwrap()];
            let rows = BrowsedRows { columns: columns.clone(), rows, more: true };
            Browsed::Table { columns: columns.into_iter().map(column).collect(), rows: Ok(rows) }
        }
    })
}
