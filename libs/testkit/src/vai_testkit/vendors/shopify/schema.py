"""The part of the Admin API's schema that the server knows, in the vendor's names (version 2026-07)."""

from typing import Final

_CONNECTIONS: Final = (
    "Order", "LineItem", "RefundLineItem", "FulfillmentLineItem", "Product", "ProductVariant", "Collection",
    "Customer", "InventoryItem", "InventoryLevel", "Location", "Event",
)  # fmt: skip

_PAGED: Final = "first: Int, after: String, last: Int, before: String, reverse: Boolean = false"


def _connection(name: str) -> str:
    return (
        f"type {name}Connection {{ edges: [{name}Edge!]! nodes: [{name}!]! pageInfo: PageInfo! }}\n"
        f"type {name}Edge {{ cursor: String! node: {name}! }}\n"
    )


_TYPES: Final = f"""
scalar DateTime
scalar Decimal
scalar UnsignedInt64
scalar URL
scalar HTML

interface Node {{ id: ID! }}
interface Event {{ id: ID! action: String! createdAt: DateTime! message: String! }}

type PageInfo {{ hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }}
type MoneyV2 {{ amount: Decimal! currencyCode: String! }}
type MoneyBag {{ shopMoney: MoneyV2! presentmentMoney: MoneyV2! }}
type Count {{ count: Int! precision: String! }}
type Attribute {{ key: String! value: String }}
type MailingAddress {{
  firstName: String lastName: String company: String address1: String address2: String city: String
  province: String provinceCode: String country: String countryCodeV2: String zip: String phone: String
}}

type Order implements Node {{
  id: ID! legacyResourceId: UnsignedInt64! name: String! createdAt: DateTime! updatedAt: DateTime!
  processedAt: DateTime! cancelledAt: DateTime cancelReason: String closedAt: DateTime confirmed: Boolean!
  test: Boolean! email: String phone: String currencyCode: String! presentmentCurrencyCode: String!
  displayFinancialStatus: String displayFulfillmentStatus: String! sourceName: String tags: [String!]! note: String
  taxesIncluded: Boolean! totalPriceSet: MoneyBag! subtotalPriceSet: MoneyBag totalTaxSet: MoneyBag
  totalDiscountsSet: MoneyBag totalShippingPriceSet: MoneyBag! totalRefundedSet: MoneyBag!
  currentTotalPriceSet: MoneyBag! customer: Customer shippingAddress: MailingAddress billingAddress: MailingAddress
  customAttributes: [Attribute!]!
  lineItems({_PAGED}): LineItemConnection!
  refunds(first: Int): [Refund!]!
  transactions(first: Int): [OrderTransaction!]!
  fulfillments(first: Int): [Fulfillment!]!
}}

type LineItem implements Node {{
  id: ID! name: String! title: String! variantTitle: String sku: String vendor: String quantity: Int!
  currentQuantity: Int! unfulfilledQuantity: Int! requiresShipping: Boolean! taxable: Boolean! isGiftCard: Boolean!
  originalUnitPriceSet: MoneyBag! discountedUnitPriceSet: MoneyBag! originalTotalSet: MoneyBag!
  discountedTotalSet: MoneyBag! totalDiscountSet: MoneyBag! product: Product variant: ProductVariant
  customAttributes: [Attribute!]!
}}

type Refund implements Node {{
  id: ID! legacyResourceId: UnsignedInt64! createdAt: DateTime updatedAt: DateTime! note: String
  totalRefundedSet: MoneyBag! refundLineItems({_PAGED}): RefundLineItemConnection!
}}
type RefundLineItem {{
  id: ID lineItem: LineItem! quantity: Int! restockType: String! subtotalSet: MoneyBag! totalTaxSet: MoneyBag!
}}
type OrderTransaction implements Node {{
  id: ID! kind: String! status: String! gateway: String createdAt: DateTime! processedAt: DateTime test: Boolean!
  amountSet: MoneyBag! errorCode: String parentTransaction: OrderTransaction paymentId: String authorizationCode: String
}}
type Fulfillment implements Node {{
  id: ID! legacyResourceId: UnsignedInt64! name: String! status: String! displayStatus: String createdAt: DateTime!
  updatedAt: DateTime! deliveredAt: DateTime inTransitAt: DateTime estimatedDeliveryAt: DateTime totalQuantity: Int!
  requiresShipping: Boolean! trackingInfo(first: Int): [FulfillmentTrackingInfo!]! location: Location
  fulfillmentLineItems({_PAGED}): FulfillmentLineItemConnection!
}}
type FulfillmentTrackingInfo {{ company: String number: String url: URL }}
type FulfillmentLineItem {{ id: ID! lineItem: LineItem! quantity: Int }}

type Product implements Node {{
  id: ID! legacyResourceId: UnsignedInt64! title: String! handle: String! status: String! vendor: String!
  productType: String! tags: [String!]! createdAt: DateTime! updatedAt: DateTime! publishedAt: DateTime
  descriptionHtml: HTML! totalInventory: Int! tracksInventory: Boolean! isGiftCard: Boolean! templateSuffix: String
  options(first: Int): [ProductOption!]! priceRangeV2: ProductPriceRangeV2!
}}
type ProductOption {{ id: ID! name: String! position: Int! values: [String!]! }}
type ProductPriceRangeV2 {{ minVariantPrice: MoneyV2! maxVariantPrice: MoneyV2! }}
type ProductVariant implements Node {{
  id: ID! legacyResourceId: UnsignedInt64! title: String! displayName: String! sku: String barcode: String
  price: Decimal! compareAtPrice: Decimal position: Int! createdAt: DateTime! updatedAt: DateTime!
  inventoryQuantity: Int inventoryPolicy: String! taxable: Boolean! availableForSale: Boolean!
  selectedOptions: [SelectedOption!]! product: Product! inventoryItem: InventoryItem!
}}
type SelectedOption {{ name: String! value: String! }}
type Collection implements Node {{
  id: ID! legacyResourceId: UnsignedInt64! title: String! handle: String! updatedAt: DateTime! sortOrder: String!
  descriptionHtml: HTML! templateSuffix: String ruleSet: CollectionRuleSet productsCount: Count
}}
type CollectionRuleSet {{ appliedDisjunctively: Boolean! rules: [CollectionRule!]! }}
type CollectionRule {{ column: String! relation: String! condition: String! }}
type Customer implements Node {{
  id: ID! legacyResourceId: UnsignedInt64! createdAt: DateTime! updatedAt: DateTime! firstName: String
  lastName: String displayName: String! defaultEmailAddress: CustomerEmailAddress
  defaultPhoneNumber: CustomerPhoneNumber numberOfOrders: UnsignedInt64! amountSpent: MoneyV2! state: String!
  tags: [String!]! note: String taxExempt: Boolean! verifiedEmail: Boolean! locale: String!
  defaultAddress: MailingAddress
}}
type CustomerEmailAddress {{ emailAddress: String! marketingState: String! }}
type CustomerPhoneNumber {{ phoneNumber: String! marketingState: String! }}
type InventoryItem implements Node {{
  id: ID! legacyResourceId: UnsignedInt64! sku: String tracked: Boolean! requiresShipping: Boolean!
  createdAt: DateTime! updatedAt: DateTime! unitCost: MoneyV2 countryCodeOfOrigin: String
  provinceCodeOfOrigin: String harmonizedSystemCode: String
}}
type InventoryLevel implements Node {{
  id: ID! createdAt: DateTime! updatedAt: DateTime! item: InventoryItem! location: Location!
  quantities(names: [String!]!): [InventoryQuantity!]!
}}
type InventoryQuantity {{ name: String! quantity: Int! updatedAt: DateTime }}
type Location implements Node {{
  id: ID! legacyResourceId: UnsignedInt64! name: String! isActive: Boolean! fulfillsOnlineOrders: Boolean!
  hasActiveInventory: Boolean! shipsInventory: Boolean! createdAt: DateTime! updatedAt: DateTime!
  address: LocationAddress!
  inventoryLevels(includeInactive: Boolean = false, {_PAGED}, query: String): InventoryLevelConnection!
}}
type LocationAddress {{
  address1: String address2: String city: String country: String countryCode: String province: String
  provinceCode: String zip: String phone: String
}}
type BasicEvent implements Event & Node {{
  id: ID! action: String! createdAt: DateTime! message: String! subjectId: ID! subjectType: String!
  additionalContent: String
}}
type Shop {{ id: ID! name: String! myshopifyDomain: String! currencyCode: String! email: String! }}

type BulkOperation implements Node {{
  id: ID! status: BulkOperationStatus! errorCode: String createdAt: DateTime! completedAt: DateTime query: String!
  objectCount: UnsignedInt64! rootObjectCount: UnsignedInt64! fileSize: UnsignedInt64 url: URL partialDataUrl: URL
}}
enum BulkOperationStatus {{ CANCELED CANCELING COMPLETED CREATED EXPIRED FAILED RUNNING }}
type BulkOperationUserError {{ field: [String!] message: String! code: String }}
type BulkOperationRunQueryPayload {{ bulkOperation: BulkOperation userErrors: [BulkOperationUserError!]! }}
type UserError {{ field: [String!] message: String! }}
type BulkOperationCancelPayload {{ bulkOperation: BulkOperation userErrors: [UserError!]! }}

enum OrderSortKeys {{ CREATED_AT ID PROCESSED_AT RELEVANCE UPDATED_AT }}
enum ProductSortKeys {{ CREATED_AT ID RELEVANCE TITLE UPDATED_AT }}
enum ProductVariantSortKeys {{ ID NAME POSITION RELEVANCE SKU TITLE }}
enum CollectionSortKeys {{ ID RELEVANCE TITLE UPDATED_AT }}
enum CustomerSortKeys {{ CREATED_AT ID NAME RELEVANCE UPDATED_AT }}
enum LocationSortKeys {{ ID NAME RELEVANCE }}
enum EventSortKeys {{ CREATED_AT ID RELEVANCE }}

type QueryRoot {{
  shop: Shop!
  node(id: ID!): Node
  order(id: ID!): Order
  orders({_PAGED}, sortKey: OrderSortKeys = PROCESSED_AT, query: String): OrderConnection!
  products({_PAGED}, sortKey: ProductSortKeys = ID, query: String): ProductConnection!
  productVariants({_PAGED}, sortKey: ProductVariantSortKeys = ID, query: String): ProductVariantConnection!
  collections({_PAGED}, sortKey: CollectionSortKeys = ID, query: String): CollectionConnection!
  customers({_PAGED}, sortKey: CustomerSortKeys = ID, query: String): CustomerConnection!
  inventoryItems({_PAGED}, query: String): InventoryItemConnection!
  locations({_PAGED}, sortKey: LocationSortKeys = NAME, query: String, includeLegacy: Boolean = false,
    includeInactive: Boolean = false): LocationConnection!
  events({_PAGED}, sortKey: EventSortKeys = ID, query: String): EventConnection
  currentBulkOperation(type: String): BulkOperation
}}
type Mutation {{
  bulkOperationRunQuery(query: String!, groupObjects: Boolean! = false): BulkOperationRunQueryPayload
  bulkOperationCancel(id: ID!): BulkOperationCancelPayload
}}
schema {{ query: QueryRoot mutation: Mutation }}
"""

SDL: Final = _TYPES + "".join(_connection(name) for name in _CONNECTIONS)
