"""Shopify's Admin API as a server on loopback: GraphQL with its costs, bulk operations with files, a bit of REST."""

from vai_testkit.vendors.shopify.server import TOKEN, ShopifyServer, serving_shopify
from vai_testkit.vendors.shopify.shop import Shop

__all__ = ["TOKEN", "Shop", "ShopifyServer", "serving_shopify"]
