mod disruption;
mod faked;
mod files;
mod lifecycle;
mod logs;
mod resume;
mod rights;
mod start;
