//! The descriptors of Callout's API, decoded once.

use std::sync::LazyLock;

use callout_proto::DESCRIPTORS;
use prost_reflect::{DescriptorPool, DynamicMessage, FileDescriptor, ServiceDescriptor};

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("the embedded descriptors decode"));

/// Every message, enum and service of the API.
pub(crate) fn pool() -> &'static DescriptorPool {
    &POOL
}

/// The services of the API, in the order of their declaration.
pub(crate) fn services() -> impl Iterator<Item = ServiceDescriptor> {
    POOL.services()
}

/// What stands above an element in its `.proto`, as paragraphs.
pub(crate) fn comment(file: &FileDescriptor, path: &[i32]) -> Option<String> {
    let info = file.file_descriptor_proto().source_code_info.as_ref()?;
    let location = info.location.iter().find(|location| location.path == path)?;
    let text = location.leading_comments.as_ref()?;
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let paragraphs: Vec<_> =
        lines.split(|line| line.is_empty()).map(|paragraph| paragraph.join(" ")).collect();
    let text = paragraphs.join("\n\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// The number an option of a method has, such as the access it needs; 0 if it has none.
pub(crate) fn method_option_number(options: &DynamicMessage, extension: &str) -> i32 {
    let extension = POOL.get_extension_by_name(extension).expect("the option is in the descriptors");
    options.get_extension(&extension).as_enum_number().unwrap_or_default()
}
