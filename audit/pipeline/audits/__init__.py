"""Whole audits of images: made of every stage, kept, and judged again."""
