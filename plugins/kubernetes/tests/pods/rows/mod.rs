mod disruption;
mod files;
mod lifecycle;
mod logs;
mod resume;
mod rights;
mod start;
