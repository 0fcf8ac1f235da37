// A component of its own, so that Vue redraws what is inside without what is around it.

export default {
  props: { tag: { type: String, default: "div" } },
  template: '<component :is="tag"><slot></slot></component>',
};
