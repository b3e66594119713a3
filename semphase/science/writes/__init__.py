"""What blocks write to the residual stream."""
