//! Google SecOps packages: the content hub's source layout, the importable archive, and the wheel that carries the binary.
