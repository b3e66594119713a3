"""Matrix products in other arithmetic than the dtype's: of changes alone, split in three, in TF32, rounded by emulation."""
