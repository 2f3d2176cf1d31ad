//! What a template may contain.
//!
//! Fuel counts steps and the output is capped, but a step may double a string that is never
//! printed. So text may only be put together where it is printed, loops go over what the context
//! has, and what is not known to be bounded is not allowed.

use minijinja::machinery::{
    Span,
    ast::{BinOpKind, CallArg, Expr, Stmt},
    parse,
};

use super::error::{self, TemplateError};

/// How long a template may be.
pub const MAX_SOURCE_BYTES: usize = 16 * 1024;
const MAX_BLOCKS: usize = 24;
const MAX_EXPRESSION: usize = 64;

const FILTERS: [&str; 31] = [
    "abs",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "max",
    "min",
    "replace",
    "reverse",
    "round",
    "sort",
    "string",
    "time",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
];

type Checked = Result<(), TemplateError>;

/// Refuses what must not be compiled.
pub(super) fn template(source: &str) -> Checked {
    if source.len() > MAX_SOURCE_BYTES {
        let message = format!("the template is longer than {MAX_SOURCE_BYTES} bytes");
        return Err(TemplateError::syntax_at(0, 0, message));
    }
    let parsed = parse(source, super::sandbox::NAME, Default::default())
        .map_err(|error| error::syntax(source, &error))?;
    statement(&parsed, 0)
}

fn refuse(span: Span, message: impl Into<String>) -> Checked {
    let (line, column) = (usize::from(span.start_line), usize::from(span.start_col) + 1);
    Err(TemplateError::syntax_at(line, column, message))
}

fn body(statements: &[Stmt], depth: usize) -> Checked {
    statements.iter().try_for_each(|inner| statement(inner, depth + 1))
}

fn statement(s: &Stmt, depth: usize) -> Checked {
    if depth > MAX_BLOCKS {
        return Err(TemplateError::syntax_at(0, 0, "blocks are nested too deeply"));
    }
    match s {
        Stmt::Template(template) => body(&template.children, depth),
        Stmt::EmitRaw(_) => Ok(()),
        Stmt::EmitExpr(emit) => expression(&emit.expr, 0, Use::Printed),
        Stmt::ForLoop(loop_) if loop_.recursive => refuse(loop_.span(), "recursive loops are not allowed"),
        Stmt::ForLoop(loop_) => {
            expression(&loop_.iter, 0, Use::Read)?;
            loop_.filter_expr.iter().try_for_each(|filter| expression(filter, 0, Use::Read))?;
            body(&loop_.body, depth)?;
            body(&loop_.else_body, depth)
        }
        Stmt::IfCond(if_) => {
            expression(&if_.expr, 0, Use::Read)?;
            body(&if_.true_body, depth)?;
            body(&if_.false_body, depth)
        }
        Stmt::WithBlock(with) => {
            with.assignments.iter().try_for_each(|(_, value)| expression(value, 0, Use::Kept))?;
            body(&with.body, depth)
        }
        Stmt::Set(set) => match &set.target {
            Expr::Var(_) => expression(&set.expr, 0, Use::Kept),
            _ => refuse(set.span(), "only plain names can be set"),
        },
        _ => Err(TemplateError::syntax_at(
            0,
            0,
            "only {{ }}, if, for, set and with are allowed: no macros, blocks, includes or imports",
        )),
    }
}

/// What becomes of an expression's value.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    /// It is printed, where the output cap sees it grow.
    Printed,
    /// It is looked at.
    Read,
    /// It is given a name, under which it could grow.
    Kept,
}

fn expression(e: &Expr, depth: usize, use_: Use) -> Checked {
    if depth > MAX_EXPRESSION {
        return refuse(e.span(), "the expression is nested too deeply");
    }
    let depth = depth + 1;
    let inner = if use_ == Use::Kept { Use::Kept } else { Use::Read };
    let optional = |e: &Option<Expr>| e.iter().try_for_each(|e| expression(e, depth, inner));
    match e {
        Expr::Var(_) | Expr::Const(_) => Ok(()),
        Expr::Slice(slice) => {
            expression(&slice.expr, depth, use_)?;
            [&slice.start, &slice.stop, &slice.step].into_iter().try_for_each(optional)
        }
        Expr::UnaryOp(unary) => expression(&unary.expr, depth, use_),
        Expr::BinOp(operation) => {
            let grows = matches!(operation.op, BinOpKind::Concat | BinOpKind::Add);
            if matches!(operation.op, BinOpKind::Mul | BinOpKind::Pow) {
                return refuse(operation.span(), "* and ** are not allowed");
            }
            if grows && use_ != Use::Printed {
                return refuse(operation.span(), "~ and + are only allowed directly inside {{ }}");
            }
            expression(&operation.left, depth, use_)?;
            expression(&operation.right, depth, use_)
        }
        Expr::Compare(compare) => {
            expression(&compare.expr, depth, inner)?;
            compare.ops.iter().try_for_each(|operand| expression(&operand.expr, depth, inner))
        }
        Expr::IfExpr(if_) => {
            expression(&if_.test_expr, depth, inner)?;
            expression(&if_.true_expr, depth, use_)?;
            if_.false_expr.iter().try_for_each(|e| expression(e, depth, use_))
        }
        Expr::Filter(filter) if !FILTERS.contains(&filter.name) => refuse(
            filter.span(),
            format!("there is no filter `{}`; there are {}", filter.name, FILTERS.join(", ")),
        ),
        Expr::Filter(filter) => {
            // What these make is as long as they like, so what they take must not grow first.
            let grows = matches!(filter.name, "join" | "replace");
            filter.expr.iter().try_for_each(|e| expression(e, depth, if grows { inner } else { use_ }))?;
            arguments(&filter.args, depth, inner)
        }
        Expr::Test(test) => {
            expression(&test.expr, depth, inner)?;
            arguments(&test.args, depth, inner)
        }
        Expr::GetAttr(get) => expression(&get.expr, depth, use_),
        Expr::GetItem(get) => {
            expression(&get.expr, depth, use_)?;
            expression(&get.subscript_expr, depth, inner)
        }
        Expr::Call(call) => refuse(call.span(), "calls are not allowed"),
        Expr::List(list) if use_ != Use::Kept => {
            list.items.iter().try_for_each(|e| expression(e, depth, inner))
        }
        Expr::Tuple(tuple) if use_ != Use::Kept => {
            tuple.items.iter().try_for_each(|e| expression(e, depth, inner))
        }
        Expr::Map(map) if use_ != Use::Kept => {
            map.keys.iter().chain(&map.values).try_for_each(|e| expression(e, depth, inner))
        }
        _ if e.as_const().is_some() => Ok(()),
        _ => refuse(e.span(), "only plain values can be given a name"),
    }
}

fn arguments(arguments: &[CallArg], depth: usize, use_: Use) -> Checked {
    arguments.iter().try_for_each(|argument| match argument {
        CallArg::Pos(e) | CallArg::Kwarg(_, e) => expression(e, depth, use_),
        CallArg::PosSplat(e) | CallArg::KwargSplat(e) => {
            refuse(e.span(), "* and ** arguments are not allowed")
        }
    })
}
